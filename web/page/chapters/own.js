/** The embed code of the chain above, as it is set now. */

import { embedCode } from "../copy.js";

export function connect(section, element) {
  const code = section.querySelector(".embed-code");
  const show = () => (code.textContent = embedCode(element));
  new MutationObserver(show).observe(element, { attributes: true });
  show();
}
