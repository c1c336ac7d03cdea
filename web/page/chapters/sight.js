/** Work that is done in sight only. */

/** How near counts. */
const MARGIN = "100px";

/**
 * A function that calls `show` while `section` is in sight, and otherwise once it is again.
 * @param {HTMLElement} section @param {() => void} show
 */
export function inSight(section, show) {
  let visible = false;
  let stale = false;
  const update = () => {
    stale = !visible;
    if (visible) show();
  };
  const observer = new IntersectionObserver(
    (entries) => {
      visible = entries.at(-1).isIntersecting;
      if (stale) update();
    },
    { rootMargin: MARGIN },
  );
  observer.observe(section);
  return update;
}
