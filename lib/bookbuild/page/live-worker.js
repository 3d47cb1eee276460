// Python beside the page: fetches its files, each checked and kept for the next visit,
// and runs what the page asks for. A worker of its own, so that the page stays quick
// and a run can be stopped, by ending it.
"use strict";

const CACHE = "book-python";
const ready = new Map(); // by a file's name: an answer that has it, on its way
let inpage, session;

let pyodide;

const heap = () => pyodide._module.HEAPU8.length; // in bytes
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

const kindOf = (name) =>
  name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";

async function isSame(whole, file) {
  if (!self.crypto?.subtle) return true; // the browser has checked it
  const bytes = await whole.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return btoa(String.fromCharCode(...digest)) === file.sha256;
}

// Returns what Python is given for a file, and how to keep it for the next visit: only
// if it is the file that the book was built with.
async function obtain(base, file, cache, count) {
  const address = addressOf(base, file);
  let whole = await kept(address, file, cache);
  let keep;
  if (whole) count(file.bytes);
  else {
    whole = await fetched(address, file, count);
    const same = new Response(whole);
    keep = () => cache?.put(address, same);
  }
  if (file.file !== file.name) {
    const unpacked = whole.stream().pipeThrough(new DecompressionStream("gzip"));
    whole = await new Response(unpacked).blob();
  }
  const headers = { "Content-Type": kindOf(file.name) };
  return { answer: new Response(whole, { headers }), keep };
}

async function kept(address, file, cache) {
  try {
    const whole = await (await cache?.match(address))?.blob();
    return whole && (await isSame(whole, file)) ? whole : undefined;
  } catch {
    return undefined;
  }
}

async function fetched(address, file, count) {
  // Where the connection is not secure, the browser itself must check the digest.
  const check = self.crypto?.subtle ? {} : { integrity: `sha256-${file.sha256}` };
  const answer = await outside(address, check);
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
  if (!(await isSame(whole, file))) {
    throw new Error(`${file.name} is not the file that the book was built with`);
  }
  return whole;
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
      .then(({ answer, keep }) => {
        if (keep) keeps.push(keep);
        return answer;
      });
    coming.catch(() => {}); // whoever takes it is told
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
  return take(name);
};

// Once: Python has its own copy from then on.
function take(name) {
  const answer = ready.get(name);
  ready.delete(name);
  return answer;
}

async function script(name) {
  const text = await (await take(name)).text();
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  importScripts(address);
  URL.revokeObjectURL(address);
}

async function start({ base, files, notebook, printed }) {
  const cache = await keeper(base, files);
  const keeps = obtainAll(base, files, cache);
  const [book, packages] = ["book.zip", "packages.zip"].map(
    (name) => take(name).then((answer) => answer.arrayBuffer()));
  await script("pyodide.js");
  await script("pyodide.asm.js");
  const quiet = () => {};
  pyodide = await loadPyodide({ indexURL: base, stdout: quiet, stderr: quiet });
  tell("stage", { stage: "python" });
  const load = (names) =>
    pyodide.loadPackage(names, { messageCallback: quiet, checkIntegrity: true });
  await load(["numpy", "pandas"]);
  pyodide.unpackArchive(await packages, "zip", { extractDir: "/book/packages" });
  pyodide.unpackArchive(await book, "zip", { extractDir: "/book" });
  inpage = pyodide.runPython(`
import os, sys
sys.path[:0] = ["/book/lib", "/book/packages"]
os.chdir("/book/chapters")
from bookbuild import inpage
inpage
`);
  inpage.install((text) => tell("line", { text }));
  const path = `/book/chapters/${notebook}.ipynb`;
  session = inpage.Session(path, JSON.stringify(printed));
  // What every chapter imports, while the largest package may still be on its way.
  pyodide.runPython("import altair, numpy, pandas, bookbuild.tidying");
  tell("stage", { stage: "book" });
  await load(["scipy"]);
  ready.clear();
  tell("ready");
  for (const keep of keeps) await keep()?.catch(() => {}); // there may be no room
}

function fatal(error) {
  // An error of Python's has a type; its text went to a stream that is ours.
  const text = error?.type || error?.message || String(error);
  const memory = error instanceof RangeError || /memory/i.test(text);
  tell("fatal", { text: text.trim().split("\n").pop().slice(0, 300), memory });
}

onmessage = async ({ data }) => {
  try {
    if (data.type === "start") await start(data);
    else if (data.type === "run") {
      const found = JSON.parse(session.run(data.cell, data.source));
      tell("done", { cell: data.cell, heap: heap(), ...found });
    } else if (data.type === "marks") {
      tell("marks", { marks: JSON.parse(session.marks()) });
    }
  } catch (error) {
    fatal(error);
  }
};
