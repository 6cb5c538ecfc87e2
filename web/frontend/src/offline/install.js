/** Registers the service worker, where the browser allows one (https, or this very machine). */
export function install() {
  if (!('serviceWorker' in navigator) || !window.isSecureContext) return;
  navigator.serviceWorker.register('/sw.js', { scope: '/', updateViaCache: 'none' }).catch((error) => console.warn(`离线功能没有装上：${error.message}`));
}
