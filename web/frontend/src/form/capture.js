/**
 * When and where a photo was taken, as the browser says it: asked at the moment 拍照 is pressed, and only from who has agreed.
 * It goes with the upload as taken_at, latitude, longitude (degrees, WGS 84), accuracy (metres); what the photo itself says (EXIF)
 * is read by the server.
 */
import { ask } from '../dom.js';
import { personOfPage } from '../offline/store.js';

const CHOICE = 'duban:place:';
const PATIENCE = 10_000;

/** @returns {'yes'|'no'|''} what the person has chosen on this device */
export function placeChoice() {
  try {
    return /** @type {any} */ (localStorage.getItem(CHOICE + personOfPage()) ?? '');
  } catch {
    return '';
  }
}

/** @param {'yes'|'no'} choice */
function remember(choice) {
  try {
    localStorage.setItem(CHOICE + personOfPage(), choice);
  } catch {
    // then it is asked again
  }
}

/** Ask once whether the place may go with photos. @returns {Promise<boolean>} */
export function mayPlace() {
  if (!('geolocation' in navigator) || !window.isSecureContext) return Promise.resolve(false);
  const chosen = placeChoice();
  if (chosen) return Promise.resolve(chosen === 'yes');
  return new Promise((resolve) => {
    let answer = /** @type {'yes'|'no'} */ ('no');
    const dialog = ask({
      title: '照片要附上拍摄位置吗？',
      body: ['同意后，只在您按“拍照”时读取一次手机位置，和拍摄时间一起存在照片旁边，供复查核对是否在现场。不同意也能拍照提交；以后可在照片栏里改。'],
      confirm: '同意附上位置',
      onConfirm: () => { answer = 'yes'; },
    });
    const no = dialog.querySelector('.dialog-actions .btn-ghost-secondary');
    if (no) no.textContent = '不附位置';
    dialog.addEventListener('close', () => {
      remember(answer);
      resolve(answer === 'yes');
    });
  });
}

/** The other choice, for who has changed their mind. */
export function changeChoice() {
  remember(placeChoice() === 'yes' ? 'no' : 'yes');
}

/**
 * Begin to ask for the place; the person takes the photo meanwhile. @param {boolean} place whether it may be asked for
 * @returns {() => Promise<Record<string, string>>} the fields that go with the photo
 */
export function observe(place) {
  const position = place
    ? new Promise((resolve) => navigator.geolocation.getCurrentPosition(resolve, () => resolve(null), { enableHighAccuracy: true, timeout: PATIENCE, maximumAge: 60_000 }))
    : Promise.resolve(null);
  return async () => {
    const taken = new Date().toISOString();
    const found = /** @type {GeolocationPosition|null} */ (await position);
    if (!found) return { taken_at: taken };
    const { latitude, longitude, accuracy } = found.coords;
    return { taken_at: taken, latitude: latitude.toFixed(6), longitude: longitude.toFixed(6), accuracy: String(Math.round(accuracy)) };
  };
}

/** One line under a photo. @param {Record<string, string>} fields */
export function told(fields) {
  if (!fields.taken_at) return '';
  const time = new Date(fields.taken_at).toLocaleTimeString('zh-CN', { hour: '2-digit', minute: '2-digit', hour12: false });
  return fields.latitude ? `${time} 北纬${Number(fields.latitude).toFixed(4)} 东经${Number(fields.longitude).toFixed(4)} ±${fields.accuracy}米` : `${time} 未附位置`;
}
