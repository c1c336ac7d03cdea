//! Markdown for people, JSON for machines.

use std::fmt;
use std::path::Path;

use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

/// One table of the report.
pub struct Table {
    pub title: String,
    pub head: &'static [&'static str],
    pub rows: Vec<Vec<String>>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_preset(ASCII_MARKDOWN).set_header(self.head.to_vec()).add_rows(self.rows.clone());
        writeln!(f, "{}\n\n{table}\n", self.title)
    }
}

/// "56 %".
pub fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Writes `report` to `path`, folders and all.
pub fn write(report: &impl Serialize, path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, serde_json::to_string_pretty(report)? + "\n")
}
