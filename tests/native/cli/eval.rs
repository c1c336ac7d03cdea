//! `ddpm eval`: what it says and writes, that it ends in the same bytes however it is stopped, and what it refuses.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::Scratch;
use super::bad_input::assert_refused;
use crate::gpu::repetitions;

impl Scratch {
    /// With pictures of two classes, and `model.safetensors` that has learned a little of them, T = 20.
    fn with_model(test: &str) -> Self {
        let scratch = Self::with_pictures(test);
        scratch.succeed("train --config run.toml --steps 6 --out run");
        std::fs::copy(scratch.0.join("run/model.safetensors"), scratch.0.join("model.safetensors"))
            .expect("a copy");
        scratch
    }

    fn json(&self, file: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(file)).expect("JSON")
    }

    /// The numbers of a table, without its heading.
    fn csv(&self, file: &str) -> Vec<Vec<f64>> {
        let text = String::from_utf8(self.read(file)).expect("UTF-8");
        let row = |line: &str| line.split(',').map(|number| number.parse().expect("a number")).collect();
        text.lines().skip(1).map(row).collect()
    }
}

const EVAL: &str = "eval --model model.safetensors --dataset folder:pictures --train-split";

#[test]
fn the_bound_is_the_sum_of_its_terms_in_every_form() {
    let scratch = Scratch::with_model("eval-forms");
    let said = scratch.succeed(&format!("{EVAL} --count 5 --batch 2 --out found"));
    assert!(said.starts_with("bits/dim ") && said.contains("all 20 t") && said.contains("found"), "{said}");
    let json = scratch.json("found/eval.json");
    let mean = |name: &str| json["bits_per_dim"][name]["mean"].as_f64().expect("a number");
    let (total, parts) = (mean("total"), mean("L_T") + mean("L_1_to_T_minus_1") + mean("L_0"));
    assert!((total - parts).abs() < 1e-9, "{total} and {parts}");
    assert_eq!((json["pictures"].as_u64(), json["num_timesteps"].as_u64()), (Some(5), Some(20)));
    let terms = scratch.csv("found/terms.csv");
    assert_eq!(terms.len(), 20);
    let sum: f64 = terms.iter().map(|row| row[2]).sum();
    assert!((sum + mean("L_T") - total).abs() < 1e-6, "{sum}");
    let points = scratch.csv("found/rate-distortion.csv");
    assert_eq!((points.len(), points[0][0], points[19][0]), (20, 1.0, 20.0));
    assert!((points[19][3] + mean("L_0") - total).abs() < 1e-6, "{:?}", points[19]);
    assert!(String::from_utf8_lossy(&scratch.read("found/rate-distortion.svg")).starts_with("<svg"));

    // Batches change nothing that is seen, seeds do.
    let line = said.lines().next().expect("a line");
    let again = scratch.succeed(&format!("{EVAL} --count 5 --batch 5"));
    assert_eq!(again.lines().next(), Some(line));
    let other = scratch.succeed(&format!("{EVAL} --count 5 --seed 1"));
    assert_ne!(other.lines().next(), Some(line));
    let unlabelled = scratch.succeed(&format!("{EVAL} --count 5 --unlabelled"));
    assert_ne!(unlabelled.lines().next(), Some(line));
    assert!(said.contains("with their labels") && !unlabelled.contains("with their labels"));
}

#[test]
fn an_evaluation_that_is_killed_goes_on() {
    let scratch = Scratch::with_model("eval-kills");
    let line = format!("{EVAL} --count 20 --batch 1");
    let began = Instant::now();
    scratch.succeed(&format!("{line} --out whole"));
    let whole = began.elapsed();
    let resumed = format!("{line} --out parts --resume");
    let mut killed = 0;
    for kill in 0..repetitions(2, 20) {
        let mut child =
            scratch.command(&resumed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("ddpm runs");
        let terms = scratch.0.join("parts/terms.safetensors");
        // Each time a little after something was saved.
        while !terms.is_file() && child.try_wait().expect("a status").is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(whole.mul_f64(f64::from(kill * 3 % 7) / 14.0));
        child.kill().expect("killed");
        killed += u32::from(child.wait().expect("an end").code().is_none());
    }
    assert!(killed > 0, "every evaluation was quicker");
    scratch.succeed(&resumed);
    for file in ["terms.safetensors", "eval.json", "terms.csv", "rate-distortion.csv", "rate-distortion.svg"]
    {
        let [whole, parts] = ["whole", "parts"].map(|folder| scratch.read(&format!("{folder}/{file}")));
        assert!(whole == parts, "{file} differs");
    }
}

#[test]
fn evaluations_that_make_no_sense_are_refused() {
    let scratch = Scratch::with_model("eval-refusals");
    scratch.succeed(&format!("{EVAL} --count 2 --out there"));
    for (folder, bytes) in [("damaged", &b"no tensors"[..]), ("other", b"")] {
        std::fs::create_dir(scratch.0.join(folder)).expect("a folder");
        let file = if folder == "damaged" { "terms.safetensors" } else { "notes.txt" };
        scratch.write(&format!("{folder}/{file}"), bytes);
    }
    std::fs::create_dir(scratch.0.join("flat")).expect("a folder");
    std::fs::copy(scratch.0.join("pictures/rows/0.png"), scratch.0.join("flat/0.png")).expect("a copy");
    let refused =
        |status: i32, options: &str, words: &'static str| (status, format!("{EVAL} {options}"), words);
    let mut rows = vec![
        refused(2, "--timesteps 1", "--timesteps"),
        refused(1, "--timesteps 21", "expected 2 to 20, found 21"),
        refused(2, "--count 0", "--count"),
        refused(1, "--count 900", "expected at most"),
        refused(2, "--resume", "--out"),
        refused(2, "--variance learned", "fixed_small"),
        refused(1, "--null-class 9", "--null-class"),
        refused(1, "--count 2 --out there", "--resume continues"),
        refused(1, "--count 3 --out there --resume", "count 2"),
        refused(1, "--count 2 --seed 3 --out there --resume", "seed 0"),
        refused(1, "--count 2 --timesteps 5 --out there --resume", "timesteps 20"),
        refused(1, "--count 2 --unlabelled --out there --resume", "labels"),
        refused(1, "--out damaged --resume", "terms.safetensors"),
        refused(1, "--out other", "other files"),
        refused(1, "--out none/such", "none"),
    ];
    rows.push((1, "eval --model model.safetensors --dataset folder:flat".into(), "sub-folder"));
    rows.push((1, "eval --model there/terms.safetensors --dataset folder:flat".into(), "unet_config"));
    rows.push((2, "eval --model model.safetensors --dataset flat".into(), "folder:PATH"));
    let rows: Vec<(i32, &str, &str)> =
        rows.iter().map(|(status, line, words)| (*status, line.as_str(), *words)).collect();
    assert_refused(&scratch, &rows);
}
