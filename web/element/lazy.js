/** What the element needs once something is wanted of it, in one piece to be fetched. */

export { addressOf } from "./model/source.js";
export { Session } from "./session.js";
