//! The page's shaders are the files of `shaders/` without comments, indentation and most spaces: a fifth of its wasm would be
//! prose.
//!
//! Lines stay where they are, so that a browser's error names the line of the file. Native builds, and the tests,
//! include the files themselves.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=shaders");
    if env::var_os("CARGO_FEATURE_PAGE").is_some() {
        let out: PathBuf = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR").into();
        shorten(Path::new("shaders"), &out.join("shaders"))?;
    }
    Ok(())
}

/// Copies a folder of WGSL files, shortened.
fn shorten(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let to = to.join(path.file_name().expect("entries have names"));
        if path.is_dir() {
            shorten(&path, &to)?;
        } else {
            let lines: Vec<String> = fs::read_to_string(&path)?.lines().map(code_of).collect();
            fs::write(to, lines.join("\n"))?;
        }
    }
    Ok(())
}

/// A line without its comment, unless that is an import, and without the spaces that separate nothing.
fn code_of(line: &str) -> String {
    if line.starts_with("//#import ") {
        return line.to_owned();
    }
    let code = line.split("//").next().unwrap_or(line).trim().as_bytes();
    // Not beside - and &: two of them would be another operator.
    let separates = |ix: usize| b"=,;:(){}[]+*<>".contains(&code[ix]);
    let kept = |ix: &usize| code[*ix] != b' ' || !separates(ix - 1) && !separates(ix + 1);
    (0..code.len()).filter(kept).map(|ix| char::from(code[ix])).collect()
}
