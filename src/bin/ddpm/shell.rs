//! Words as shells take them, for commands that messages advise.

use std::path::Path;

/// `text` as one word.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `path` as one word.
pub fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
