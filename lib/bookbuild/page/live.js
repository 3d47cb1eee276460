// A chapter that runs in its page. Loaded when a reader asks for it: cells become
// editable, Python comes in a worker (live-worker.js), outputs take the place of the
// printed ones, and the text says what no longer holds. Whatever fails, the printed
// page comes back.
(() => {
  "use strict";

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key in element && key !== "role") element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };
  const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const said = (text) => text.replace(/\s+/g, " ").trim();

  // --- Code in colours: enough of Python's grammar for that, in Pygments' classes.

  const KEYWORDS = new Set(
    ("as assert async await break class continue def del elif else except finally for " +
      "from global if import lambda nonlocal pass raise return try while with yield"
    ).split(" "));
  const BUILTINS = new Set(
    ("abs all any bool dict enumerate filter float int isinstance len list map max min " +
      "next open print range repr reversed round set sorted str sum tuple type zip"
    ).split(" "));
  const TOKEN = new RegExp(
    [
      /(?<c1>#.*)/,
      /(?<s2>[rbfuRBFU]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))/,
      /(?<mf>\d[\d_]*\.\d*(?:e[+-]?\d+)?|\.\d+|\d[\d_]*e[+-]?\d+)/,
      /(?<mi>\d[\d_]*)/,
      /(?<name>[^\W\d]\w*)/,
      /(?<o>[-+*/%@&|^~<>=!]+)/,
      /(?<p>[()[\]{},.:;])/,
    ].map((part) => part.source).join("|"), "gu");

  function coloured(text) {
    const parts = [];
    let end = 0;
    let before = "";
    for (const match of text.matchAll(TOKEN)) {
      if (match.index > end) parts.push(text.slice(end, match.index));
      let kind = Object.keys(match.groups).find((key) => match.groups[key] !== undefined);
      const [word] = match;
      if (kind === "name") {
        if (word === "from" || word === "import") kind = "kn";
        else if (KEYWORDS.has(word)) kind = "k";
        else if (["True", "False", "None"].includes(word)) kind = "kc";
        else if (["and", "or", "in", "is", "not"].includes(word)) kind = "ow";
        else if (before === "def") kind = "nf";
        else if (BUILTINS.has(word) && before !== ".") kind = "nb";
        else kind = "n";
      }
      parts.push(make("span", { className: kind }, word));
      before = word;
      end = match.index + word.length;
    }
    parts.push(text.slice(end), "\n");
    return parts;
  }

  // --- The state of a visit

  const root = {}; // what the offer said, and the parts of the page
  const cells = []; // in the notebook's order
  const works = []; // a reader's own cells, one under each exercise
  const queue = [];
  let worker, ready, running, starting, waiting, outcome;

  const all = () => [...cells, ...works];
  const isFresh = (cell) => cell.state === "fresh" && cell.code === cell.ran;
  const isEdited = (cell) => cell.code !== cell.source;
  const store = `book-live:${location.pathname}`;

  function keep() {
    const edits = all().filter(isEdited).map((cell) => [cell.id, cell.code]);
    try {
      if (edits.length) sessionStorage.setItem(store, JSON.stringify(edits));
      else sessionStorage.removeItem(store);
    } catch { /* not allowed: then they last as long as the page */ }
  }

  function kept() {
    try {
      return new Map(JSON.parse(sessionStorage.getItem(store) ?? "[]"));
    } catch {
      return new Map();
    }
  }

  const say = (text) => { root.status.textContent = text; };

  // --- Cells

  function addEditor(cell) {
    const { input } = cell;
    const shown = make("code", {}, ...coloured(cell.code));
    const name = cell.work ? "Your answer" : `Code, cell ${cell.number}`;
    const area = make("textarea", {
      value: cell.code, spellcheck: false, autocomplete: "off", rows: 1,
      autocapitalize: "off", "aria-label": name, "aria-describedby": "live-keys",
    });
    const run = make("button", { type: "button", className: "live-run" }, "Run");
    const reset = make("button", { type: "button", hidden: true }, "Reset");
    for (const [button, what] of [[run, "Run"], [reset, "Reset"]]) {
      button.setAttribute("aria-label", `${what}: ${name.toLowerCase()}`);
    }
    const note = make("span", { className: "live-note" });
    const tools = make("div", { className: "live-tools" }, run, reset, note);
    const editor = make("div", { className: "live-editor highlight" },
      make("pre", { ariaHidden: "true" }, shown), area);
    for (const part of input.children) part.hidden = true;
    input.append(editor, tools);
    Object.assign(cell, { area, shown, editor, tools, note, reset });
    area.addEventListener("input", () => change(cell, area.value));
    area.addEventListener("keydown", (event) => press(cell, event));
    run.addEventListener("click", () => runTo(cell));
    reset.addEventListener("click", () => {
      restore(cell);
      area.focus();
      say(`${name} is as printed again.`);
    });
  }

  function press(cell, event) {
    const { area } = cell;
    if (event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      runTo(cell);
    } else if (event.key === "Enter" && !event.isComposing && !event.altKey) {
      // The next line begins where this one does.
      const line = area.value.slice(0, area.selectionStart).split("\n").pop();
      const indent = line.match(/^ */)[0] + (/:\s*$/.test(line) ? "    " : "");
      if (!indent) return;
      event.preventDefault();
      // The one way to insert that Undo knows of.
      if (!document.execCommand("insertText", false, `\n${indent}`)) {
        area.setRangeText(`\n${indent}`, area.selectionStart, area.selectionEnd, "end");
        change(cell, area.value);
      }
    }
  }

  function change(cell, code) {
    cell.code = code;
    if (cell.area.value !== code) cell.area.value = code;
    cell.shown.replaceChildren(...coloured(code));
    keep();
    mark(cell);
  }

  // What a cell's state is, beside its buttons and at its edge.
  function mark(cell) {
    if (!cell.tools) return;
    const edited = isEdited(cell);
    let state = "";
    if (cell === running) state = "running";
    else if (queue.includes(cell)) state = "waiting";
    else if (cell.state === "fresh" && !isFresh(cell)) state = "changed since it ran";
    else if (cell.state === "stale") state = "out of date: a cell above has run again";
    else if (cell.state === "error") state = "stopped with an error";
    else if (edited && !cell.state) state = "changed, not run yet";
    else if (edited) state = "changed";
    cell.note.textContent = state;
    cell.reset.hidden = !edited && !cell.shownLive;
    cell.box.dataset.live =
      cell === running ? "running"
        : edited && !isFresh(cell) ? "edited"
          : cell.state === "stale" ? "stale" : cell.state || "no";
    cell.box.toggleAttribute("data-edited", edited);
    const folded = cell.input.closest("details.hide");
    if (folded && edited) folded.open = true;
  }

  // --- Runs

  // What a cell needs: all cells above that have not run as they stand. Solutions
  // are nobody's need but their own.
  function needs(target) {
    const end = target.work ? target.place : cells.indexOf(target);
    const same = (cell) => cell.solution === target.solution;
    return cells.slice(0, end)
      .filter((cell) => !isFresh(cell) && (!cell.solution || same(cell)));
  }

  function runTo(target, { quiet = false } = {}) {
    if (!worker) return;
    if (running === target || queue.includes(target)) return;
    const wanted = [...needs(target), target].filter(
      (cell) => cell !== running && !queue.includes(cell));
    queue.push(...wanted);
    if (!quiet) {
      const more = wanted.length - 1;
      say(ready
        ? `Running${more ? `, with ${plural(more, "cell")} above that it needs` : ""}.`
        : "Python is still on its way; this runs as soon as it is here.");
    }
    wanted.forEach(mark);
    pump();
  }

  function runAll() {
    if (!worker) return;
    queue.length = 0;
    queue.push(...cells.filter((cell) => cell !== running));
    say(ready ? `Running all ${plural(cells.length, "cell")}.` : "All cells run soon.");
    queue.forEach(mark);
    pump();
  }

  function pump() {
    if (!ready || running || waiting) return;
    const cell = queue.shift();
    root.stop.disabled = !cell;
    if (!cell) return;
    running = cell;
    cell.sent = cell.code;
    mark(cell);
    worker.postMessage({ type: "run", cell: cell.id, source: cell.code });
  }

  async function finished({ ok, outputs, heap }) {
    const cell = running;
    root.heap = cell.heap = heap; // for who measures
    const before = signature(cell);
    running = undefined;
    // Those below have seen another past.
    if (!cell.solution && !cell.work) {
      for (const other of cells.slice(cells.indexOf(cell) + 1)) {
        if (other.state === "fresh") other.state = "stale";
        mark(other);
      }
    }
    cell.ran = cell.sent;
    cell.state = ok ? "fresh" : "error";
    root.line.textContent = "";
    await show(cell, outputs);
    cell.changed = signature(cell) !== before;
    if (!ok) {
      const error = outputs.at(-1);
      const left = queue.splice(0);
      left.forEach(mark);
      const where = error.line ? `, in its line ${error.line}` : "";
      const rest = left.length ? ` ${plural(left.length, "cell")} did not run.` : "";
      say(`${nameOf(cell)} stopped with an error${where}: ${error.name}.${rest}`);
    }
    mark(cell);
    const done = cells.filter(isFresh).length;
    root.count.textContent = `${done} of ${cells.length} cells have run`;
    cell.waits?.forEach((done) => done(ok));
    delete cell.waits;
    if (queue.length) {
      if (queue.length % 5 === 0) say(`${plural(queue.length, "cell")} to go.`);
      pump();
    } else {
      waiting = true;
      outcome = ok ? cell : undefined;
      worker.postMessage({ type: "marks" });
    }
  }

  const nameOf = (cell) => (cell.work ? "Your answer" : `Cell ${cell.number}`);

  function judged({ marks }) {
    waiting = false;
    const wrong = tellText(marks);
    if (outcome) {
      const text = wrong ? `${plural(wrong, "place")} in the text no longer hold${
        wrong === 1 ? "s" : ""}.` : "The text holds.";
      const seen = marks.filter(Boolean).length;
      say(`${nameOf(outcome)} is done. ${seen ? text : ""}`);
    }
    pump();
  }

  // --- Outputs

  function place(cell) {
    if (cell.output) return cell.output;
    cell.output = make("div", { className: "cell_output docutils container" });
    cell.box.append(cell.output);
    return cell.output;
  }

  // What a reader sees of a cell's outputs, to tell whether it has changed.
  function signature(cell) {
    const output = cell.output;
    if (!output) return "";
    const parts = [...output.querySelectorAll("td, pre, p, li, .chart-data")];
    return parts.map((part) => said(part.textContent)).join("\n");
  }

  async function show(cell, outputs) {
    const output = place(cell);
    cell.printed ??= [...output.childNodes];
    cell.figures ??= [...output.querySelectorAll("figure.chart-figure")];
    cell.outputs = outputs;
    cell.shownLive = true;
    const made = [];
    const drawn = [];
    for (const each of outputs) {
      if (each.kind === "chart") {
        const figure = cell.figures.find((one) => one.id === each.label) ?? figureOf(cell);
        made.push(figure);
        drawn.push([figure, each]);
      } else made.push(elementOf(each));
    }
    const height = output.getBoundingClientRect().height;
    output.style.minHeight = `${height}px`;
    output.replaceChildren(...made);
    for (const [figure, each] of drawn) await redraw(figure, each);
    output.style.minHeight = "";
    window.bookCharts.markScrolling();
  }

  function elementOf(output) {
    if (output.kind === "html") {
      return make("div", { className: "output text_html", innerHTML: output.html });
    }
    if (output.kind === "error") {
      const where = output.line ? `Line ${output.line}: ` : "";
      const parts = [make("strong", {}, `${output.name}: `), output.text];
      if (output.line) parts.push("\n", make("span", {}, where + output.source));
      return make("div", { className: "output live-error" }, make("pre", {}, ...parts));
    }
    const kind = output.kind === "stream" ? "stream" : "text_plain";
    const name = output.name === "stderr" ? " live-stderr" : "";
    return make("div", { className: `output ${kind}${name} highlight-myst-ansi notranslate` },
      make("div", { className: "highlight" }, make("pre", {}, output.text)));
  }

  // A chart that the page has not printed.
  function figureOf(cell) {
    const figure = make("figure", { className: "chart-figure align-default" });
    figure.innerHTML =
      '<div class="chart"><div class="chart-frame"><div class="chart-picture" ' +
      'role="img"></div></div><script type="application/json" class="chart-data">' +
      '</script></div><figcaption><p><span class="caption-text"></span></p>' +
      '<div class="legend"><p></p></div></figcaption>';
    cell.figures.push(figure);
    return figure;
  }

  const same = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
  function sorted(value) {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
  }

  const partsOf = (figure) => ({
    chart: figure.querySelector(".chart"),
    data: figure.querySelector(".chart-data"),
    picture: figure.querySelector(".chart-picture"),
    caption: figure.querySelector(".caption-text"),
    source: figure.querySelector(".legend p"),
  });

  async function redraw(figure, { data, description, caption, source }) {
    const parts = partsOf(figure);
    figure.before ??= {
      data: parts.data.textContent,
      label: parts.picture.getAttribute("aria-label"),
      caption: parts.caption?.innerHTML,
      source: parts.source?.innerHTML,
    };
    const old = parts.data.textContent;
    const captions = [[parts.caption, caption], [parts.source, `Source: ${source}`]];
    for (const [part, text] of captions) {
      const wanted = make("span", { innerHTML: text });
      if (part && said(part.textContent) !== said(wanted.textContent)) {
        part.innerHTML = text;
      }
    }
    parts.picture.setAttribute("aria-label", description);
    if (old && same(JSON.parse(old), data)) return;
    parts.data.textContent = JSON.stringify(data);
    await drawAgain(parts.chart);
  }

  async function drawAgain(chart) {
    delete chart.dataset.live;
    await window.bookCharts.enliven(chart);
    if (chart.dataset.live === "failed") say("A chart could not be drawn.");
  }

  // --- Back to the printed page

  async function restore(cell) {
    change(cell, cell.source);
    if (cell.printed) {
      cell.output.replaceChildren(...cell.printed);
      for (const figure of cell.figures) {
        const { before } = figure;
        if (!before?.data) continue;
        const parts = partsOf(figure);
        parts.picture.setAttribute("aria-label", before.label);
        if (parts.caption) parts.caption.innerHTML = before.caption;
        if (parts.source) parts.source.innerHTML = before.source;
        if (parts.data.textContent !== before.data) {
          parts.data.textContent = before.data;
          await drawAgain(parts.chart);
        }
      }
    }
    cell.shownLive = false;
    if (cell.state === "error") cell.state = "";
    mark(cell);
  }

  async function resetAll() {
    const edited = all().filter(isEdited).length;
    halt();
    for (const cell of all()) await restore(cell);
    tellText([]);
    say(`The page is as printed again${
      edited ? `; ${plural(edited, "change")} undone` : ""}.`);
    if (!starting) begin(); // what had run is forgotten
  }

  // --- The text

  const highlight = window.Highlight && CSS.highlights ? new Highlight() : undefined;
  if (highlight) CSS.highlights.set("no-longer", highlight);

  const BLOCK = "p, li, td, th, dd, figcaption";
  const START = /(?<=[.!?:])["'”’)\]]*\s+(?=[A-Z“‘"'([])/g;

  // The sentence that ends where its mark stands.
  function sentenceOf(place) {
    const block = place.closest(BLOCK) ?? place.parentElement;
    const texts = [];
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT, {
      acceptNode: (node) => (node.parentElement.closest(".live-found, .headerlink")
        ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT),
    });
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (place.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_PRECEDING ||
          place.contains(node)) texts.push(node);
    }
    const whole = texts.map((node) => node.data).join("");
    const starts = [...whole.trimEnd().slice(0, -1).matchAll(START)];
    let at = starts.length ? starts.at(-1).index + starts.at(-1)[0].length : 0;
    const range = document.createRange();
    for (const node of texts) {
      if (at <= node.length) {
        range.setStart(node, at);
        break;
      }
      at -= node.length;
    }
    if (texts.length) range.setEnd(texts.at(-1), texts.at(-1).length);
    return range;
  }

  function tellText(marks) {
    highlight?.clear();
    let wrong = 0;
    root.wrong = [];
    for (const place of document.querySelectorAll("[data-mark]")) {
      const found = marks[place.dataset.mark];
      const number = place.classList.contains("computed");
      place.classList.remove("changed");
      if (number && place.printedNodes) {
        place.replaceChildren(...place.printedNodes);
        place.printedNodes = undefined;
      } else if (!number) place.replaceChildren();
      if (!found || found.holds) continue;
      wrong += 1;
      root.wrong.push(place);
      if (number) {
        const old = place.textContent;
        place.printedNodes = [...place.childNodes];
        const now = found.value || "not computed";
        place.replaceChildren(make("ins", {}, now), make("span",
          { className: "live-found" }, ` (printed: ${old})`));
        place.classList.add("changed");
      } else {
        const why = found.found ? `: ${found.found}` : "";
        place.append(make("span", { className: "live-found", title: found.code },
          ` [No longer true${why}]`));
        place.classList.add("changed");
        highlight?.add(sentenceOf(place));
      }
    }
    root.holds.hidden = !wrong;
    root.holds.textContent = `${plural(wrong, "place")} in the text no longer hold${
      wrong === 1 ? "s" : ""}: show`;
    return wrong;
  }

  function showWrong() {
    const places = root.wrong ?? [];
    if (!places.length) return;
    root.at = ((root.at ?? -1) + 1) % places.length;
    const target = places[root.at];
    for (let e = target; (e = e.parentElement?.closest("details")); ) e.open = true;
    target.tabIndex = -1;
    target.scrollIntoView({ block: "center" });
    target.focus({ preventScroll: true });
  }

  // --- Try: one change, at a press

  function offerTries() {
    for (const button of document.querySelectorAll("button.try")) {
      const { cell: id, old, new: now } = button.dataset;
      const cell = cells.find((one) => one.id === id);
      if (!cell) continue;
      const told = `Change ${said(old)} to ${said(now)}`;
      button.textContent = told.length < 80 ? told : "Make this change";
      button.hidden = false;
      button.onclick = () => attempt(cell, old, now);
    }
  }

  const ended = (cell) => new Promise((done) => (cell.waits ??= []).push(done));

  async function attempt(cell, old, now) {
    if (!cell.code.includes(old) && !cell.code.includes(now)) restore(cell);
    change(cell, cell.code.replace(old, () => now));
    say(`Changed ${said(old)} to ${said(now)}; running it and what follows.`);
    // Up to the first chart or table that is not what it was, or the next section.
    let target;
    for (const next of cells.slice(cells.indexOf(cell))) {
      if (next !== cell && (next.solution || next.section !== cell.section)) break;
      const end = ended(next);
      runTo(next, { quiet: true });
      if (!(await end)) {
        target = next;
        break;
      }
      if (next.changed) {
        target ??= next;
        if (next.outputs.some(({ kind }) => kind === "chart" || kind === "html")) {
          target = next;
          break;
        }
      }
    }
    const seen = target ?? cell;
    for (let e = seen.box; (e = e.parentElement?.closest("details")); ) e.open = true;
    const output = seen.output ?? seen.box;
    output.scrollIntoView({ block: "center" });
    output.tabIndex = -1; // not the code, which brings up a phone's keyboard
    output.focus({ preventScroll: true });
  }

  // --- The worker, and the bar that says what it does

  function begin() {
    const url = new URL(`live-worker.js?v=${root.version}`, root.folder);
    const base = root.folder.href;
    starting = true;
    ready = false;
    root.count.textContent = "";
    root.progress.hidden = false;
    root.progress.removeAttribute("value");
    worker = new Worker(url);
    const mine = worker;
    worker.onmessage = ({ data }) => { if (worker === mine) hear(data); };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === mine) failed({ text: event.message || "it could not be loaded" });
    };
    const printed = {};
    for (const figure of document.querySelectorAll("figure.chart-figure[id]")) {
      const data = figure.before?.data ?? partsOf(figure).data?.textContent;
      if (data) printed[figure.id] = data;
    }
    const { files, notebook } = root;
    worker.postMessage({ type: "start", base, files, notebook, printed });
  }

  const STAGES = { python: "Python is here; its packages are next.",
    book: "The book's library is here; one package is left." };

  function hear(data) {
    if (data.type === "progress") {
      root.progress.max = data.total;
      root.progress.value = data.loaded;
      const mb = (bytes) => (bytes / 1e6).toFixed(0);
      root.line.textContent = data.loaded < data.total
        ? `${mb(data.loaded)} of ${mb(data.total)} megabytes` : "";
    } else if (data.type === "stage") {
      root.progress.removeAttribute("value");
      if (!root.again) say(STAGES[data.stage]);
    } else if (data.type === "ready") {
      ready = true;
      starting = false;
      root.again = true;
      root.line.textContent = "";
      root.progress.hidden = true;
      root.stop.disabled = !queue.length;
      if (queue.length) pump();
      else say("Ready: change a cell, then press Shift and Enter.");
    } else if (data.type === "line") root.line.textContent = data.text;
    else if (data.type === "done") finished(data);
    else if (data.type === "marks") judged(data);
    else if (data.type === "fatal") failed(data);
  }

  function halt() {
    worker?.terminate();
    worker = undefined;
    ready = starting = waiting = false;
    const waits = running?.waits ?? [];
    for (const cell of queue) waits.push(...(cell.waits ?? []));
    running = undefined;
    queue.length = 0;
    for (const cell of all()) {
      cell.state = "";
      cell.ran = undefined;
      delete cell.waits;
      mark(cell);
    }
    root.line.textContent = "";
    waits.forEach((done) => done(false));
  }

  function stop() {
    const first = !root.again;
    halt();
    if (first) {
      leave("Stopped before Python was here. The page is as it was.");
      return;
    }
    begin();
    say("Stopped. Python starts again, and every cell counts as not run.");
  }

  function failed({ text, memory }) {
    const first = !root.again;
    halt();
    const why = memory
      ? "There is not enough memory for Python in this browser"
      : !navigator.onLine
        ? "There is no connection, and Python was not loaded before"
        : `Python could not be loaded or has stopped (${text})`;
    if (first) {
      leave(`${why}. The page is as it was.`);
      return;
    }
    begin();
    say(`${why}. It starts again, and every cell counts as not run.`);
  }

  // Everything that was added goes; the button may be tried again.
  function leave(text) {
    for (const cell of cells) {
      cell.editor?.remove();
      cell.tools?.remove();
      if (cell.input) for (const part of cell.input.children) part.hidden = false;
      delete cell.box?.dataset.live;
      delete cell.box?.dataset.edited;
    }
    for (const work of works) work.box.remove();
    for (const button of document.querySelectorAll("button.try")) button.hidden = true;
    document.documentElement.classList.remove("is-live");
    root.bar?.remove();
    root.keys?.remove();
    cells.length = works.length = 0;
    root.refuse(text);
  }

  function addBar() {
    root.status = make("p", { className: "live-status", role: "status" });
    root.line = make("span", { className: "live-line" });
    root.count = make("span", { className: "live-count" });
    root.progress = make("progress", { ariaLabel: "Python is being loaded" });
    root.progress.setAttribute("aria-label", "Python is being loaded");
    root.holds = make("button", { type: "button", className: "live-holds", hidden: true });
    root.stop = make("button", { type: "button" }, "Stop");
    const every = make("button", { type: "button" }, "Run all");
    const reset = make("button", { type: "button" }, "Reset all");
    root.bar = make("section", { className: "live-bar" },
      make("div", { className: "live-said" }, root.status, root.line, root.progress),
      make("div", { className: "live-buttons" }, every, root.stop, reset, root.holds,
        root.count));
    root.bar.setAttribute("aria-label", "Run this chapter");
    every.addEventListener("click", runAll);
    root.stop.addEventListener("click", stop);
    reset.addEventListener("click", resetAll);
    root.holds.addEventListener("click", showWrong);
    root.keys = make("p", { id: "live-keys", className: "live-keys" },
      "Shift and Enter runs a cell, and what it needs above it. Tab leaves it.");
    root.offer.before(root.keys);
    document.querySelector(".bd-article").append(root.bar);
  }

  function addCells({ cells: told, work }) {
    const edits = kept();
    told.forEach(({ id, source, solution }, number) => {
      const box = document.getElementById(`cell-${id}`);
      const input = box?.querySelector(".cell_input");
      if (!input) return;
      const output = box.querySelector(".cell_output");
      const within = solution ? box.closest("details.solution")?.id ?? id : "";
      cells.push({
        id, source, code: edits.get(id) ?? source, box, input, output, state: "",
        solution: within, number: number + 1, section: box.closest("section")?.id,
      });
    });
    for (const { id, place, source } of work) {
      const solution = document.getElementById(id.replace(/^ex-/, "sol-"));
      if (!solution) continue;
      const input = make("div", { className: "cell_input docutils container" });
      const box = make("div", { className: "cell docutils container live-work" }, input);
      box.id = `cell-${id}`;
      solution.before(box);
      const before = told.slice(0, place).map((cell) => cell.id);
      works.push({
        id, source, code: edits.get(id) ?? source, box, input, state: "", work: true,
        place: cells.filter((cell) => before.includes(cell.id)).length,
        solution: "",
      });
    }
    all().forEach(addEditor);
    all().forEach(mark);
  }

  function cannot() {
    if (location.protocol === "file:") {
      return "A page opened from a file may not start Python. Serve the folder, for " +
        "instance with “python -m http.server”, and open it from there.";
    }
    if (!window.Worker || !window.WebAssembly || !window.DecompressionStream) {
      return "This browser is too old to run Python in a page.";
    }
    return "";
  }

  async function start(offer, refuse) {
    Object.assign(root, {
      offer, refuse, again: false, version: offer.dataset.version,
      notebook: offer.dataset.notebook,
      folder: new URL(offer.dataset.folder, location.href),
    });
    const reason = cannot();
    if (reason) {
      refuse(reason);
      return;
    }
    try {
      const sheet = make("link", { rel: "stylesheet" });
      sheet.href = new URL(`live.css?v=${root.version}`, root.folder);
      const styled = document.querySelector("link[href*='live.css']") ??
        (await new Promise((done, refused) => {
          sheet.onload = done;
          sheet.onerror = () => refused(new Error("its style could not be loaded"));
          document.head.append(sheet);
        }));
      const url = new URL(`${root.notebook}.json?v=${root.version}`, root.folder);
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(`the site answers ${answer.status}`);
      const told = await answer.json();
      root.files = told.files;
      document.documentElement.classList.add("is-live");
      addBar();
      addCells(told);
      offerTries();
      const edits = all().filter(isEdited).length;
      say(`Python is on its way.${
        edits ? ` Your ${plural(edits, "change")} of before ${
          edits === 1 ? "is" : "are"} here again.` : ""}`);
      begin();
      window.bookCharts.markScrolling();
    } catch (error) {
      const offline = !navigator.onLine || error instanceof TypeError;
      refuse(offline
        ? "There is no connection, and Python was not loaded before. Try again with one."
        : `It could not be started (${error.message}).`);
    }
  }

  window.bookLive = {
    start, runTo, runAll, cells, works, memory: () => root.heap,
    state: () => ({ ready, running: running?.id, queued: queue.length, waiting }),
  };
})();
