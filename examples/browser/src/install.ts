/** The service worker: gets the files, once, and makes the page work offline. */

/** Told how many of how many bytes were got. */
export type OnBytes = (loaded: number, total: number) => void;

/**
 * Wait until the service worker serves this page.
 *
 * False where there is none (an old browser, a private window): the files are then got in the
 * ordinary way, and the page does not work offline.
 */
export async function install(onBytes: OnBytes): Promise<boolean> {
  const container = navigator.serviceWorker;
  if (!container) return false;
  container.addEventListener("message", ({ data }) => onBytes(data.loaded, data.total));
  try {
    const registration = await container.register("./sw.js");
    await active(registration);
  } catch {
    return false;
  }
  if (!container.controller) {
    await new Promise((resolve) => container.addEventListener("controllerchange", resolve, { once: true }));
  }
  return true;
}

/** Wait until one is active; fails if what is installing cannot be. */
async function active(registration: ServiceWorkerRegistration): Promise<void> {
  const coming = registration.installing ?? registration.waiting;
  if (registration.active || !coming) return;
  await new Promise<void>((resolve, reject) => {
    const look = () => {
      if (coming.state === "activated") resolve();
      if (coming.state === "redundant") reject(new Error("the files could not be got"));
    };
    coming.addEventListener("statechange", look);
    look();
  });
}
