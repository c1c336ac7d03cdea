//! What was measured of methods for convolutions, in the user's cache.

use super::{Scratch, shader_adapter};
use crate::compare::assert_max_abs;

const LINE: &str = "sample --model grey28 --count 1 --sampler ddim --steps 2 --tensors";

#[test]
fn methods_are_measured_once_and_kept() {
    let scratch = Scratch::new("tuning", &["grey28"]);
    let sample = |tuning: &str, file: &str| {
        let adapter = shader_adapter();
        let mut command = scratch.command(&format!("{LINE} {file} --adapter {adapter}"));
        let output =
            command.env("DDPM_TUNING", tuning).env("XDG_CACHE_HOME", scratch.0.join("cache")).output();
        output.expect("ddpm runs")
    };
    let pictures = |tuning: &str, file: &str| {
        let output = sample(tuning, file);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        scratch.tensor(file, "pictures").1
    };
    let kept = || {
        scratch.files().into_iter().map(|(path, _)| path).find(|path| {
            path.extension() == Some("json".as_ref()) && path.starts_with(scratch.0.join("cache/ddpm"))
        })
    };

    let by_rule = pictures("off", "off.safetensors");
    assert_eq!(kept(), None, "nothing was measured");
    let measured = pictures("on", "on.safetensors");
    assert_max_abs("measured", &measured, &by_rule, 1e-4);
    let path = kept().expect("a file in the cache");
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(text.contains("adapter") && text.contains("out_quads"), "{text}");

    // Damaged, or as earlier versions wrote it, it is as none.
    for spoilt in [&text[..text.len() / 2], r#"{"adapter":"","driver":"","methods":[]}"#] {
        std::fs::write(&path, spoilt).expect("written");
        assert_max_abs("measured again", &pictures("on", "again.safetensors"), &by_rule, 1e-4);
        let again = std::fs::read_to_string(&path).expect("text");
        assert!(again.contains("out_quads") && again.ends_with('}'), "{again}");
    }

    let refused = sample("sometimes", "none.safetensors");
    let complaint = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("DDPM_TUNING") && complaint.contains("sometimes"), "{complaint}");
}

#[test]
fn the_processor_has_nothing_to_measure() {
    let scratch = Scratch::new("tuning-cpu", &["grey28"]);
    for tuning in ["off", "on", "auto"] {
        let mut command = scratch.command(&format!("{LINE} {tuning}.safetensors"));
        command.env("DDPM_TUNING", tuning).env("XDG_CACHE_HOME", scratch.0.join("cache"));
        let output = command.output().expect("ddpm runs");
        assert!(output.status.success(), "{tuning}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(
            scratch.read(&format!("{tuning}.safetensors")) == scratch.read("off.safetensors"),
            "{tuning}"
        );
    }
    assert!(!scratch.0.join("cache").exists(), "something was kept");
}
