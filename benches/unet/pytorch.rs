//! PyTorch on the same U-Net, where it is installed: `benches/pytorch.py`.

use std::process::Command;

/// A table of what the script measured, or why it did not.
pub fn table(model: &str, gflop: f64) -> String {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pytorch.py");
    let output = Command::new(&python).args([script, model, "--batch", "1", "4", "16"]).output();
    let lines = match &output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout),
        Ok(output) => return format!("PyTorch: {}", String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => return format!("PyTorch: {python} does not run ({error})"),
    };
    let rows = lines.lines().filter_map(|line| row(&serde_json::from_str(line).ok()?, gflop));
    let head = "| peer | device | what | pictures | s a step | pictures/s | GFLOP/s |\n\
                | --- | --- | --- | ---: | ---: | ---: | ---: |\n";
    head.to_owned() + &rows.collect::<Vec<_>>().join("\n")
}

fn row(measured: &serde_json::Value, gflop: f64) -> Option<String> {
    let (peer, device) = (measured["peer"].as_str()?, measured["device"].as_str()?);
    let (what, batch) = (measured["what"].as_str()?, measured["batch"].as_u64()?);
    let seconds = measured["seconds"].as_f64()?;
    let passes = if what == "train" { 3.0 } else { 1.0 };
    let pictures = batch as f64 / seconds;
    let gflops = passes * gflop * pictures;
    Some(format!("| {peer} | {device} | {what} | {batch} | {seconds:.4} | {pictures:.1} | {gflops:.1} |"))
}
