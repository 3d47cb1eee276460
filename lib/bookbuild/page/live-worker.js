// Python beside the page: fetches its files, each checked and kept for the next visit,
// and runs what the page asks for. A worker of its own, so that the page stays quick
// and a run can be stopped, by ending it.
"use strict";

const CACHE = "book-python";
const ready = new Map(); // name of a file: its bytes, on their way
let session;

const tell = (type, rest = {}) => postMessage({ type, ...rest });

// What was fetched before is used again, if it is still the same.
async function keeper(base, files) {
  if (!self.caches) return null; // only where the connection is secure
  try {
    const cache = await caches.open(CACHE);
    const wanted = new Set(files.map((file) => addressOf(base, file)));
    for (const request of await cache.keys()) {
      if (request.url.startsWith(base) && !wanted.has(request.url)) {
        await cache.delete(request);
      }
    }
    return cache;
  } catch {
    return null;
  }
}

const addressOf = (base, file) =>
  `${base}${file.file}?${encodeURIComponent(file.sha256)}`;

// Fetches a file, unless it was kept, and checks it. Returns what to keep, if anything,
// and the bytes that Python is given.
async function obtain(base, file, cache, count) {
  const address = addressOf(base, file);
  const kept = await cache?.match(address).catch(() => undefined);
  // Where the connection is not secure, the browser itself must check the digest.
  const check = self.crypto?.subtle ? {} : { integrity: `sha256-${file.sha256}` };
  const answer = kept ?? (await outside(address, check));
  if (!answer.ok) throw new Error(`${file.name}: the site answers ${answer.status}`);
  const parts = [];
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    count(value.length);
  }
  const whole = new Blob(parts);
  const bytes = await whole.arrayBuffer();
  if (self.crypto?.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    if (btoa(String.fromCharCode(...digest)) !== file.sha256) {
      await cache?.delete(address).catch(() => {});
      throw new Error(`${file.name} is not the file that the book was built with`);
    }
  }
  const keep = cache && !kept ? () => cache.put(address, new Response(whole)) : null;
  if (file.file === file.name) return { bytes, keep };
  const unpacked = whole.stream().pipeThrough(new DecompressionStream("gzip"));
  return { bytes: await new Response(unpacked).arrayBuffer(), keep };
}

// Starts to fetch all files: those that are needed first come first, so that Python
// starts while the rest is on its way.
function obtainAll(base, files, cache) {
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  const keeps = [];
  let loaded = 0;
  let told = 0;
  const count = (more) => {
    loaded += more;
    if (performance.now() - told < 100 && loaded < total) return;
    told = performance.now();
    tell("progress", { loaded, total });
  };
  const lanes = [null, null, null];
  files.forEach((file, place) => {
    const lane = place % lanes.length;
    const coming = Promise.resolve(lanes[lane])
      .then(() => obtain(base, file, cache, count))
      .then(({ bytes, keep }) => {
        if (keep) keeps.push(keep);
        return bytes;
      });
    coming.catch(() => {}); // whoever needs it is told
    lanes[lane] = coming.catch(() => {});
    ready.set(file.name, coming);
  });
  return keeps;
}

// Pyodide asks for its files by name; they are here already, or on their way.
const outside = self.fetch;
self.fetch = async (resource, options) => {
  const name = String(resource?.url ?? resource).split(/[?#]/)[0].split("/").pop();
  if (!ready.has(name)) return outside(resource, options);
  const kind = name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
  const bytes = await ready.get(name);
  ready.delete(name); // Python has its own copy from now on
  return new Response(bytes, { headers: { "Content-Type": kind } });
};

async function script(name) {
  const text = await ready.get(name);
  ready.delete(name);
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  importScripts(address);
  URL.revokeObjectURL(address);
}

async function start({ base, notebook, printed }) {
  const answer = await outside(`${base}files.json`, { cache: "no-cache" });
  if (!answer.ok) throw new Error(`the site answers ${answer.status}`);
  const files = await answer.json();
  const keeps = obtainAll(base, files, await keeper(base, files));
  const book = ready.get("book.zip");
  await script("pyodide.js");
  await script("pyodide.asm.js");
  const quiet = () => {};
  const pyodide = await loadPyodide({ indexURL: base, stdout: quiet, stderr: quiet });
  tell("stage", { stage: "python" });
  const load = (names) =>
    pyodide.loadPackage(names, { messageCallback: quiet, checkIntegrity: true });
  await load(["numpy", "pandas"]);
  pyodide.unpackArchive(await book, "zip", { extractDir: "/book" });
  pyodide.globals.set("tell", (text) => tell("line", { text }));
  pyodide.globals.set("printed", JSON.stringify(printed));
  session = pyodide.runPython(`
import os, sys
sys.path[:0] = ["/book/lib", "/book/packages"]
sys.dont_write_bytecode = True
os.chdir("/book/chapters")
from bookbuild import inpage
inpage.install(tell)
inpage.Session("/book/chapters/${notebook}.ipynb", printed)
`);
  // What every chapter imports, while the largest package may still be on its way.
  pyodide.runPython("import altair, numpy, pandas, bookbuild.tidying");
  tell("stage", { stage: "book" });
  await load(["scipy"]);
  ready.clear();
  tell("ready");
  for (const keep of keeps) await keep().catch(() => {}); // there may be no room
}

function fatal(error) {
  const text = String(error?.message ?? error);
  const memory = error instanceof RangeError || /memory/i.test(text);
  const last = text.trim().split("\n").pop(); // of a traceback of Python's
  tell("fatal", { text: last.slice(0, 300), memory });
}

onmessage = async ({ data }) => {
  try {
    if (data.type === "start") await start(data);
    else if (data.type === "run") {
      const found = JSON.parse(session.run(data.cell, data.source));
      tell("done", { cell: data.cell, ...found });
    } else if (data.type === "marks") {
      tell("marks", { marks: JSON.parse(session.marks()) });
    }
  } catch (error) {
    fatal(error);
  }
};
