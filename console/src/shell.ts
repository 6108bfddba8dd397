// A service worker for the shell alone: the page opens without a line and says so itself. Nothing that was said is kept.

export {};

interface Waits extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface Fetches extends Waits {
  readonly request: Request;
  respondWith(reply: Promise<Response>): void;
}

const NAME = "shell";
const SHELL = ["./", "./index.js", "./index.css", "./worklet.js", "./manifest.webmanifest", "./icon.svg"];

self.addEventListener("install", (event) => {
  (event as Waits).waitUntil(caches.open(NAME).then((cache) => cache.addAll(SHELL)));
});

self.addEventListener("fetch", (event) => {
  const { request } = event as Fetches;
  const address = new URL(request.url);
  const isShell = SHELL.some((name) => new URL(name, self.location.href).pathname === address.pathname);
  if (request.method === "GET" && isShell) (event as Fetches).respondWith(fresh(request));
});

/** From the server, and what was kept where it does not answer. */
async function fresh(request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  try {
    const reply = await fetch(request);
    if (reply.ok) await cache.put(request, reply.clone());
    return reply;
  } catch {
    return (await cache.match(request)) ?? Response.error();
  }
}
