/** The service worker: gets all files once, and serves them from then on. */

const scope = self as unknown as ServiceWorkerGlobalScope;

/** One file: where the page looks for it, where it is got (may be compressed), and what it is. */
interface Entry {
  url: string;
  from: string;
  revision: string;
  type: string;
  /** Bytes that are transferred. */
  bytes: number;
}

/** Put in when the page is built. */
const ENTRIES: Entry[] = JSON.parse("__PRECACHE__");
const CACHE = "edgehybrid";
const AT_ONCE = 4;
/** Nothing that is served connects to anything but its own origin, the worker neither. */
const HEADERS = {
  "Content-Security-Policy": "__POLICY__",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

const keyOf = (entry: Entry) => new Request(`${new URL(entry.url, scope.registration.scope)}?${entry.revision}`);

scope.addEventListener("install", (event) => event.waitUntil(fill()));
scope.addEventListener("activate", (event) => event.waitUntil(tidy().then(() => scope.clients.claim())));
scope.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const isOurs = url.href.startsWith(scope.registration.scope) && event.request.method === "GET";
  if (isOurs) event.respondWith(answer(url, event.request));
});

/** Get what is not there yet of this version's files; telling the page how far it is. */
async function fill(): Promise<void> {
  const cache = await caches.open(CACHE);
  const missing: Entry[] = [];
  for (const entry of ENTRIES) if (!(await cache.match(keyOf(entry)))) missing.push(entry);
  const total = missing.reduce((sum, entry) => sum + entry.bytes, 0);
  let loaded = 0;
  const onBytes = (count: number) => void report((loaded += count), total);
  const next = async (): Promise<void> => {
    for (let entry = missing.shift(); entry; entry = missing.shift()) await get(cache, entry, onBytes);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

async function get(cache: Cache, entry: Entry, onBytes: (count: number) => void): Promise<void> {
  const response = await fetch(new URL(entry.from, scope.registration.scope), { cache: "no-cache" });
  if (!response.ok || !response.body) throw new Error(`${entry.from}: ${response.status}`);
  const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(bytes, controller) {
      onBytes(bytes.length);
      controller.enqueue(bytes);
    },
  });
  const body = response.body.pipeThrough(counted);
  const isPacked = entry.from !== entry.url;
  const whole = isPacked ? body.pipeThrough(new DecompressionStream("gzip")) : body;
  await cache.put(keyOf(entry), new Response(whole, { headers: { "Content-Type": entry.type, ...HEADERS } }));
}

async function report(loaded: number, total: number): Promise<void> {
  for (const client of await scope.clients.matchAll({ includeUncontrolled: true })) {
    client.postMessage({ loaded, total });
  }
}

/** Drop what this version does not use. */
async function tidy(): Promise<void> {
  const cache = await caches.open(CACHE);
  const wanted = new Set(ENTRIES.map((entry) => keyOf(entry).url));
  for (const request of await cache.keys()) if (!wanted.has(request.url)) await cache.delete(request);
}

async function answer(url: URL, request: Request): Promise<Response> {
  const path = url.href.slice(scope.registration.scope.length).replace(/[?#].*$/, "") || "index.html";
  const entry = ENTRIES.find((known) => known.url === path);
  const kept = entry && (await (await caches.open(CACHE)).match(keyOf(entry)));
  return kept ?? fetch(request);
}
