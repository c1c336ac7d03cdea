/** Hashes as in HTML's `integrity` attribute: "sha256-" and base64; of several, one has to fit. */

const ALGORITHMS = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

/** Whether `bytes` are what `integrity` asks for; what is not known fits nothing. */
export async function fits(bytes, integrity) {
  for (const wanted of integrity.split(/\s+/)) {
    const [, name, hash] = /^(\w+)-(.+)$/.exec(wanted) ?? [];
    const digest = ALGORITHMS[name] && (await crypto.subtle.digest(ALGORITHMS[name], bytes));
    if (digest && btoa(String.fromCharCode(...new Uint8Array(digest))) === hash) return true;
  }
  return false;
}
