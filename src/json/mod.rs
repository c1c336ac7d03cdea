//! JSON: read strictly and without trust, written small. `serde_json`'s values are the values here, but its reader and
//! writer would be an eighth of the page's program.

mod reader;
mod writer;

pub use reader::{Reader, Syntax, parse};
pub use writer::{Object, push_value};
