// Makes a chart live, on demand: the static drawing is replaced by the same
// chart drawn by Vega, with tooltips and controls. Whatever fails, the static
// drawing stays. And adds to the ledger a choice of the claims to show.
(() => {
  "use strict";
  const here = document.currentScript.src;
  const bundle = new URL("live/vega.js", here);
  const phone = matchMedia("(max-width: 575.98px)");
  let loading;

  const load = () =>
    (loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.type = "module";
      script.src = bundle;
      script.onload = () => resolve(window.vegaEmbed);
      script.onerror = () => {
        loading = undefined; // the next try may find a network
        reject(new Error("The live charts could not be loaded."));
      };
      document.head.append(script);
    }));

  const sizeOf = () => (phone.matches ? "narrow" : "wide");

  function specOf(chart, size) {
    const data = JSON.parse(chart.querySelector(".chart-data").textContent);
    return { ...data[size], ...data.shared };
  }

  async function draw(chart, embed) {
    const size = sizeOf();
    const picture = chart.querySelector(".chart-picture");
    const spec = specOf(chart, size);
    const live = document.createElement("div");
    live.className = "chart-live";
    live.hidden = true;
    const controls = chart.querySelector(".chart-controls") ?? makeControls(chart);
    controls.replaceChildren();
    picture.append(live);
    try {
      const result = await embed(live, spec, {
        mode: "vega-lite",
        renderer: "svg",
        actions: false,
        defaultStyle: false,
        logLevel: 1, // errors; not what Vega thinks of a chart's style
        bind: controls,
        // The page asks nothing of anyone: charts carry their data.
        loader: { load: () => Promise.reject(new Error("no outside data")) },
        tooltip: { theme: "custom" },
      });
      // The description on .chart-picture is the one name of the chart.
      for (const svg of live.querySelectorAll("svg")) {
        svg.setAttribute("aria-hidden", "true");
        svg.setAttribute("focusable", "false");
      }
      for (const part of live.querySelectorAll("[role], [aria-label]")) {
        for (const name of ["role", "aria-label", "aria-roledescription"]) {
          part.removeAttribute(name);
        }
      }
      live.removeAttribute("role");
      live.removeAttribute("aria-label");
      live.removeAttribute("aria-roledescription");
      controls.hidden = !controls.childElementCount;
      chart.view?.finalize();
      chart.view = result.view;
      for (const old of picture.querySelectorAll(".chart-live")) {
        if (old !== live) old.remove();
      }
      live.hidden = false;
      chart.dataset.size = size;
      chart.dataset.live = "yes";
    } catch (error) {
      live.remove();
      throw error;
    }
  }

  function makeControls(chart) {
    const controls = document.createElement("div");
    controls.className = "chart-controls";
    controls.hidden = true;
    chart.querySelector(".chart-frame").after(controls);
    return controls;
  }

  async function enliven(chart) {
    if (chart.dataset.live && chart.dataset.live !== "failed") return;
    chart.dataset.live = "loading";
    try {
      await draw(chart, await load());
      chart.querySelector(".chart-start")?.remove();
    } catch (error) {
      chart.dataset.live = "failed";
      const button = chart.querySelector(".chart-start");
      if (button) button.textContent = "The control could not be loaded. Try again";
    }
  }

  const bound = (params = []) => params.some((param) => param.bind);

  function prepare(chart) {
    const picture = chart.querySelector(".chart-picture");
    const on = (target, type) =>
      target.addEventListener(type, () => enliven(chart), { passive: true });
    on(picture, "pointerenter");
    on(picture, "touchstart");
    if (bound(specOf(chart, "wide").params)) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "chart-start";
      button.textContent = "Try the control";
      button.addEventListener("click", async () => {
        const had = document.activeElement === button;
        await enliven(chart);
        if (had) chart.querySelector(".chart-controls :is(input, select)")?.focus();
      });
      chart.querySelector(".chart-frame").after(button);
    } else if (!chart.querySelector(".chart-frame[tabindex]")) {
      picture.tabIndex = 0;
      on(picture, "focus");
    } else {
      on(chart.querySelector(".chart-frame"), "focus");
    }
  }

  // A box that scrolls sideways must be reachable by keyboard; one that does
  // not must not be a stop on the way.
  function markScrolling() {
    const boxes = ".table-box, .formula-box, .highlight pre";
    for (const box of document.querySelectorAll(boxes)) {
      const scrolls = box.scrollWidth > box.clientWidth + 1;
      if (scrolls && !box.hasAttribute("tabindex")) {
        box.tabIndex = 0;
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", "Scrolls sideways");
        box.dataset.scrolls = "";
      } else if (!scrolls && "scrolls" in box.dataset) {
        for (const name of ["tabindex", "role", "aria-label", "data-scrolls"]) {
          box.removeAttribute(name);
        }
      }
    }
  }

  // The ledger shows all claims; who has a script can choose among them.
  function addFilter(box) {
    const rows = [...box.querySelectorAll("tbody tr")];
    const parts = [...box.querySelectorAll("details")];
    const first = parts.filter((part) => part.open);
    const bar = document.createElement("div");
    bar.className = "ledger-filter";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Choose claims");
    const count = document.createElement("output");
    const chosen = {};
    const update = () => {
      for (const row of rows) {
        row.hidden = Object.entries(chosen).some(
          ([key, value]) => value && row.dataset[key] !== value,
        );
      }
      // Who has chosen sees all that is left; parts without a claim step aside.
      const all = !Object.values(chosen).some(Boolean);
      for (const part of parts) {
        part.hidden = !part.querySelector("tbody tr:not([hidden])");
        part.open = all ? first.includes(part) : true;
      }
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = `${shown} of ${rows.length} claims`;
    };
    for (const key of ["party", "chapter", "verdict", "kind"]) {
      const label = document.createElement("label");
      const select = document.createElement("select");
      const values = [...new Set(rows.map((row) => row.dataset[key]))];
      const shown = (value) => new Option(value.replaceAll("-", " "), value);
      select.append(new Option("all", ""), ...values.map(shown));
      select.addEventListener("change", () => {
        chosen[key] = select.value;
        update();
      });
      label.append(key[0].toUpperCase() + key.slice(1), select);
      bar.append(label);
    }
    bar.append(count);
    box.before(bar);
    update();
  }

  // A chapter can run in its page. What that takes is loaded when the button is
  // pressed; if it cannot be, the button says why and may be pressed again.
  function offerRun(offer) {
    const [button, note] = offer.children;
    const refuse = (text) => {
      note.textContent = text;
      offer.hidden = button.disabled = false;
      note.setAttribute("role", "status");
    };
    offer.hidden = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const { folder, version } = offer.dataset;
        window.bookLive ?? (await script(`${folder}live.js?v=${version}`));
        await window.bookLive.start(offer, refuse);
      } catch {
        refuse("What it takes could not be loaded. Is there a connection? Try again.");
      }
    });
  }

  const script = (name) =>
    new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = name;
      element.onload = resolve;
      element.onerror = reject;
      document.head.append(element);
    });

  // Paper is white, whatever the screen was.
  const root = document.documentElement.dataset;
  let onScreen;
  addEventListener("beforeprint", () => {
    onScreen = root.theme;
    root.theme = "light";
  });
  addEventListener("afterprint", () => {
    root.theme = onScreen;
  });

  function start() {
    const charts = [...document.querySelectorAll(".chart")];
    charts.forEach(prepare);
    document.querySelectorAll(".ledger-all").forEach(addFilter);
    document.querySelectorAll(".live-offer").forEach(offerRun);
    markScrolling();
    addEventListener("resize", markScrolling);
    document.addEventListener("toggle", markScrolling, true);
    phone.addEventListener("change", async () => {
      for (const chart of charts) {
        if (chart.dataset.live === "yes") await draw(chart, await load());
      }
    });
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
  window.bookCharts = { enliven, markScrolling };
})();
