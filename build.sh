#!/usr/bin/env bash
# The one script: ./build.sh serve [PORT] | test | web | check | soak | bench [OPTIONS]. Each sets up what it needs; safe to run twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

TOOLS=$PWD/target/tools
BINARYEN=132.0.0
ESBUILD=0.28.2
# What a page's wasm has of the crate's features.
PAGE=(--no-default-features --features page)
# What esbuild says of the page's files: which are fetched at once, and which later.
METAFILE=$PWD/target/page.json
# The second software Vulkan driver that tests use where it is: Chromium's.
SWIFTSHADER=${SWIFTSHADER:-/usr/lib/chromium/vk_swiftshader_icd.json}

say() { printf '\033[1mddpm:\033[0m %s\n' "$*" >&2; }
die() { printf 'ddpm: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# --- set-up -------------------------------------------------------------------------------------------------------------

need_rust() {
  [ -d "${CARGO_HOME:-$HOME/.cargo}/bin" ] && PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  has cargo || die "Rust is missing; install it from https://rustup.rs and run this again"
}

need_target() {
  need_rust
  [ -d "$(rustc --print sysroot)/lib/rustlib/$1" ] && return
  has rustup || die "Rust's target $1 is missing; install it with your Rust's package manager"
  say "adding Rust's target $1"
  rustup target add "$1" >&2
}

# The wasm-bindgen program of exactly the version that the crate uses.
need_wasm_bindgen() {
  need_target wasm32-unknown-unknown
  local version
  version=$(awk '$0 == "name = \"wasm-bindgen\"" { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock)
  [ "$("$TOOLS/bin/wasm-bindgen" --version 2>/dev/null)" = "wasm-bindgen $version" ] && return
  say "building wasm-bindgen $version, once (about two minutes)"
  cargo install --quiet wasm-bindgen-cli --version "$version" --root "$TOOLS" --force
}

# wasm-opt and esbuild make the page smaller; without node it works as well.
need_minifiers() {
  local wanted="binaryen@$BINARYEN esbuild@$ESBUILD"
  [ "$(cat "$TOOLS/node_modules/.wanted" 2>/dev/null)" = "$wanted" ] && return
  has npm || { say "npm is missing, so the page stays larger than it could be"; return 1; }
  say "fetching wasm-opt and esbuild, once"
  mkdir -p "$TOOLS"
  # shellcheck disable=SC2086 # two words
  npm install --prefix "$TOOLS" --no-save --no-audit --no-fund --loglevel=error $wanted >&2
  echo "$wanted" >"$TOOLS/node_modules/.wanted"
}

# What tests need beside Rust: node, a Vulkan driver, Chromium, Firefox, Fashion-MNIST.
need_test_tools() {
  local missing=()
  compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null || [ "$(uname)" != Linux ] || missing+=(mesa-vulkan-drivers)
  [ -n "${CHROMIUM:-}" ] || has chromium || has chromium-browser || has google-chrome || missing+=(chromium)
  [ -n "${FIREFOX:-}" ] || has firefox-esr || has firefox || missing+=(firefox-esr)
  has npm || missing+=(nodejs npm)
  compgen -G '/usr/share/datasets/fashion-mnist/train-images*' >/dev/null ||
    compgen -G 'data/fashion-mnist/train-images*' >/dev/null || missing+=(dataset-fashion-mnist)
  if [ ${#missing[@]} -gt 0 ]; then
    local command="apt-get install -y --no-install-recommends ${missing[*]}"
    has apt-get ||
      die "the tests need ${missing[*]}; install what these packages hold (the data set in data/fashion-mnist) and run this again"
    [ "$(id -u)" = 0 ] || die "the tests need more packages; run: sudo $command"
    say "installing ${missing[*]}"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive $command >&2 || die "this failed: $command"
  fi
  if ! cmp -s tests/browser/package-lock.json tests/browser/node_modules/.from-lock; then
    say "fetching the browsers' drivers, once"
    npm ci --prefix tests/browser --no-audit --no-fund --loglevel=error >&2
    cp tests/browser/package-lock.json tests/browser/node_modules/.from-lock
  fi
}

# --- web ----------------------------------------------------------------------------------------------------------------

# dist/: a static folder for any host, under any sub-path.
web() {
  need_wasm_bindgen
  say "building the page"
  cargo build --profile web --target wasm32-unknown-unknown --lib "${PAGE[@]}"
  local built=target/wasm32-unknown-unknown/web/ddpm.wasm out=target/page minify=1
  need_minifiers || minify=
  if [ "$built" -nt "$out/ddpm_bg.wasm" ] || [ "$out/.wasm-bindgen" -ot "$TOOLS/bin/wasm-bindgen" ]; then
    rm -rf "$out"
    "$TOOLS/bin/wasm-bindgen" --target web --no-typescript --out-name ddpm --out-dir "$out" "$built"
    [ -z "$minify" ] || minify_wasm "$out"
    touch "$out/.wasm-bindgen" "$out/ddpm_bg.wasm"
  fi
  rm -rf target/dist.new
  mkdir -p target/dist.new
  cp -R web/. target/dist.new/
  # What a script that makes pictures needs is none of the page's.
  rm -rf target/dist.new/models/*/node_modules
  cp "$out/ddpm.js" "$out/ddpm_bg.wasm" target/dist.new/
  if [ -n "$minify" ]; then
    minify_js target/dist.new
    npm_package target/dist.new
  else
    rm -r target/dist.new/npm
  fi
  rm -rf dist
  mv target/dist.new dist
  say "the page is in dist/"
  [ -z "$minify" ] || sizes | while read -r when size limit; do say "$when: $size bytes of wasm and JavaScript, gzipped ($limit allowed)"; done
}

# The wasm and its JavaScript in the folder $1, smaller; what counts is their gzipped size, so functions are inlined only
# where they are tiny, and sorted so that those alike are neighbours. No pointer is below 1024, the far end of the stack.
minify_wasm() {
  local bin="$TOOLS/node_modules/.bin" features=(--enable-bulk-memory --enable-bulk-memory-opt --enable-mutable-globals
    --enable-multivalue --enable-nontrapping-float-to-int --enable-reference-types --enable-sign-ext)
  "$bin/wasm-opt" "${features[@]}" -Oz --converge --low-memory-unused --one-caller-inline-max-function-size=20 --skip-pass=local-cse \
    --reorder-functions-by-name --strip-debug --strip-producers --strip-target-features -S "$1/ddpm_bg.wasm" -o "$1/ddpm.wat"
  # wasm-bindgen's names of imports and exports, with their hashes, are a tenth of it. Which file of another crate a panic would
  # name tells a visitor nothing, but where this was built.
  node - "$1/ddpm.wat" "$1/ddpm.js" <<'EOF'
const { readFileSync, writeFileSync } = require("node:fs");
const [wat, js] = process.argv.slice(2);
const short = new Map();
function rename(name) {
  if (!short.has(name)) short.set(name, `_${short.size.toString(36)}`);
  return short.get(name);
}
const names = String.raw`(?:__wbg_|__wbindgen_|wasm_bindgen__)\w+`;
const bound = readFileSync(wat, "utf8").replace(/^ \((?:import|export) .*$/gm, (line) =>
  line.replace(RegExp(`(?<=")${names}(?=")`, "g"), rename))
  .replace(/(?:\/rustc\/[0-9a-f]+\/library|(?:\/[\w.-]+)+?\/registry\/src)\/[\w./-]+?\.rs/g, (path) => "\\00".repeat(path.length));
writeFileSync(wat, bound);
writeFileSync(js, readFileSync(js, "utf8").replace(RegExp(`\\b${names}`, "g"), rename));
EOF
  # What is left to save by the order on the stack is found when the binary is written.
  "$bin/wasm-opt" "${features[@]}" --quiet --optimize-level=2 --shrink-level=2 --generate-stack-ir --optimize-stack-ir \
    "$1/ddpm.wat" -o "$1/ddpm_bg.wasm"
  rm "$1/ddpm.wat"
  "$bin/esbuild" --log-level=warning --minify --format=esm "$1/ddpm.js" --outfile="$1/ddpm.js" --allow-overwrite
}

# The page's modules in the folder $1 as few files: page.js, ddpm-canvas.js, embed.js, what they share, and what is fetched later.
minify_js() {
  "$TOOLS/node_modules/.bin/esbuild" --log-level=warning --bundle --splitting --minify --format=esm --legal-comments=none \
    --external:./ddpm.js --chunk-names=shared-[hash] --outdir="$1" --allow-overwrite --metafile="$METAFILE" \
    "$1/page.js" "$1/ddpm-canvas.js" "$1/embed.js"
  rm -r "$1/page" "$1/element" "$1/root.js"
}

# dist/npm: the element as a package, from the folder $1, where it is in as few files as a page's; in bundle.js it is in one.
npm_package() {
  local npm=$1/npm version file
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
  sed -i.bak "s/VERSION/$version/" "$npm/package.json"
  rm "$npm/package.json.bak"
  "$TOOLS/node_modules/.bin/esbuild" --log-level=warning --bundle --splitting --minify --format=esm --legal-comments=none \
    --external:./ddpm.js --chunk-names=shared-[hash] --outdir="$npm" web/ddpm-canvas.js web/embed.js
  cp "$1/ddpm.js" "$1/ddpm_bg.wasm" "$npm/"
  # The program's JavaScript is where root.js looks for it; the wasm stays beside the bundle.
  mkdir -p target/bundle
  cp -R web/. target/bundle/
  cp "$1/ddpm.js" target/bundle/
  "$TOOLS/node_modules/.bin/esbuild" --log-level=warning --bundle --minify --format=esm --legal-comments=none \
    --outfile="$npm/bundle.js" target/bundle/ddpm-canvas.js
  rm -r target/bundle
  mkdir -p "$npm/models"
  cp web/models/fashion-mnist-reference.safetensors "$npm/models/"
  for file in ddpm-canvas.css embed.html embed.css; do cp "web/$file" "$npm/"; done
  cp docs/embedding.md "$npm/README.md"
  cp LICENSE-MIT LICENSE-APACHE "$npm/"
}

# Lines of "open" (what it takes to open the page and play its chain) or "later" (what more is fetched on demand), bytes of
# wasm and JavaScript, gzipped file by file, and the most that is allowed.
sizes() {
  node tests/browser/sizes.mjs dist "$METAFILE"
}

serve() {
  local port=${1:-8080}
  web
  if has node; then
    exec node tests/browser/server.mjs dist "$port"
  elif has python3; then
    say "http://127.0.0.1:$port/ (Ctrl-C ends it)"
    exec python3 -m http.server "$port" --bind 127.0.0.1 --directory dist
  fi
  die "neither node nor python3 is here to serve dist/; any static web server will do"
}

# --- test ---------------------------------------------------------------------------------------------------------------

passed=0
failed=0

# Counts one test named $1 whose outcome is the exit status $2.
count() {
  if [ "$2" = 0 ]; then passed=$((passed + 1)); say "ok: $1"; else failed=$((failed + 1)); say "FAILED: $1"; fi
}

# Adds up the lines of the file $1 that match $2, "… N passed … M failed …".
add_up() {
  local p f
  while read -r p f; do
    passed=$((passed + p))
    failed=$((failed + f))
  done < <(sed -nE "s/$2.* ([0-9]+) passed[;,] ([0-9]+) failed.*/\1 \2/p" "$1")
}

run_tests() {
  need_rust
  need_test_tools
  local log=target/tests before status
  mkdir -p "$log"

  say "native tests"
  cargo test --no-fail-fast 2>&1 | tee "$log/native.txt" && status=0 || status=$?
  before=$failed
  add_up "$log/native.txt" '^test result:'
  # A suite that does not build, or dies, has no result line.
  if [ "$status" != 0 ] && [ "$failed" = "$before" ]; then count "the native tests build and end" 1; fi

  if [ -f "$SWIFTSHADER" ]; then
    say "noise and reverse steps on a second Vulkan driver, SwiftShader"
    VK_DRIVER_FILES=$SWIFTSHADER DDPM_ADAPTER=SwiftShader cargo test --test native -- noise:: steps:: 2>&1 |
      tee "$log/second.txt" && status=0 || status=$?
    before=$failed
    add_up "$log/second.txt" '^test result:'
    if [ "$status" != 0 ] && [ "$failed" = "$before" ]; then count "the second driver's tests end" 1; fi
  fi

  # A process of its own: bash ignores `set -e` inside a condition.
  if ./build.sh web; then
    local when size limit
    while read -r when size limit; do
      [ "$size" -le "$limit" ] && status=0 || status=1
      count "$when: $size bytes of wasm and JavaScript, gzipped, $limit allowed" "$status"
    done < <(sizes)

    say "browser tests"
    node tests/browser/run.mjs 2>&1 | tee "$log/browser.txt" && status=0 || status=$?
    before=$failed
    add_up "$log/browser.txt" '^browser:'
    if [ "$status" != 0 ] && [ "$failed" = "$before" ]; then count "the browser tests start and end" 1; fi
  else
    count "the page builds" 1
  fi

  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

# --- check, bench -------------------------------------------------------------------------------------------------------

check() {
  need_target wasm32-unknown-unknown
  need_target x86_64-pc-windows-gnu
  need_target aarch64-apple-darwin
  say "rustfmt"
  cargo fmt --check
  say "clippy, native and wasm32"
  cargo clippy --all-targets -- -D warnings
  cargo clippy --lib --target wasm32-unknown-unknown "${PAGE[@]}" -- -D warnings
  say "docs"
  RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps
  say "Windows and macOS"
  cargo check --target x86_64-pc-windows-gnu
  cargo check --target aarch64-apple-darwin
  say "fewer features: neither device, no wgpu, no processor, no wgpu in wasm"
  local features
  for features in "" processor gpu,train; do
    cargo clippy --lib --no-default-features --features "$features" -- -D warnings
  done
  cargo clippy --lib --target wasm32-unknown-unknown --no-default-features --features processor,train -- -D warnings
  cargo tree --edges normal --no-default-features --features processor >target/tree.txt
  ! grep -q wgpu target/tree.txt || die "wgpu is in a build without the feature gpu: target/tree.txt"
  if has node; then
    say "JavaScript"
    local file
    while IFS= read -r file; do
      node --check --input-type=module - <"$file" || die "$file is not valid JavaScript"
    done < <(find web tests/browser -name node_modules -prune -o \( -name '*.js' -o -name '*.mjs' \) -print)
  fi
  say "all checked"
}

# What takes too long for every test: all repetitions of kills and stops, and the kernels on each vector unit of this processor.
soak() {
  need_rust
  need_test_tools
  local level
  for level in $(cargo run --quiet --bin ddpm -- info | sed -n '/^ *vectors /s/;.*//p' | grep -oE 'plain|avx2|avx512|neon'); do
    say "kernels on the vector unit $level"
    DDPM_SIMD=$level cargo test --test native -- kernels::
  done
  DDPM_SOAK=1 cargo test --test native -- cli::train::stops cli::eval
}

bench() {
  need_rust
  cargo bench --bench unet -- "$@"
}

case "${1:-}" in
  serve) serve "${2:-}" ;;
  test) run_tests ;;
  web) web ;;
  check) check ;;
  soak) soak ;;
  bench) bench "${@:2}" ;;
  *) die "which of: serve [PORT], test, web, check, soak, bench [OPTIONS]?" ;;
esac
