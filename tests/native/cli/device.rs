//! `--adapter`, `--threads` and `DDPM_SIMD`: what a verb computes on.

use std::process::Command;

use ddpm::gpu::{Level, Team};

use super::bad_input::assert_refused;
use super::{Scratch, path, shader_adapter};
use crate::gpu::{cpu, gpu};

const SAMPLE: &str = "sample --model grey28 --count 2 --sampler ddim --steps 2 --tensors";

/// What `command`, which must succeed, says on standard output and on standard error.
fn said(command: &mut Command) -> [String; 2] {
    let output = command.output().expect("ddpm runs");
    let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert!(output.status.success(), "{command:?}: {}", texts[1]);
    texts
}

#[test]
fn devices_that_cannot_be_had_are_refused() {
    let scratch = Scratch::new("no-device", &["grey28"]);
    std::fs::copy(path("unet/grey28/io.safetensors"), scratch.0.join("io.safetensors")).expect("a copy");
    let shaders = shader_adapter();
    assert_refused(
        &scratch,
        &[
            (2, &format!("{SAMPLE} a.safetensors --threads 0"), "1..=1024"),
            (2, &format!("{SAMPLE} a.safetensors --threads 1025"), "1..=1024"),
            (2, &format!("{SAMPLE} a.safetensors --threads all"), "--threads"),
            (2, "info --threads 0", "--threads"),
            (1, &format!("{SAMPLE} a.safetensors --adapter no-such-adapter"), ", cpu"),
            (1, "info --adapter no-such-adapter", ", cpu"),
            (
                1,
                &format!("{SAMPLE} a.safetensors --adapter {shaders} --threads 2"),
                "--threads: expected the processor, which --adapter cpu picks, found",
            ),
            (1, &format!("{SAMPLE} a.safetensors --mixed-precision"), "matrix units, found the processor"),
            (
                1,
                "debug predict --model grey28 --input io.safetensors --output o.safetensors --tile naive",
                "--tile: expected an adapter that runs shaders, found the processor",
            ),
        ],
    );
    let lacking =
        Level::NAMES.into_iter().find(|name| Level::named(name).is_err()).expect("one of another CPU");
    for (level, words) in [("mmx", "there is no mmx"), (lacking, "this processor lacks")] {
        for line in [&format!("{SAMPLE} a.safetensors"), "info"] {
            let output = scratch.command(line).env("DDPM_SIMD", level).output().expect("ddpm runs");
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                (output.status.code(), complaint.lines().count()),
                (Some(1), 1),
                "{line}: {complaint}"
            );
            assert!(complaint.contains("DDPM_SIMD: ") && complaint.contains(words), "{line}: {complaint}");
            assert!(complaint.contains("plain"), "what there is: {complaint}");
        }
    }
}

#[test]
fn info_tells_of_the_processor_and_what_is_chosen() {
    let scratch = Scratch::new("info-cpu", &[]);
    let level = cpu().processor().expect("the processor").level().name();
    let [text, _] = said(&mut scratch.by_default("info"));
    let chosen: Vec<&str> = text.lines().filter(|line| line.ends_with("(chosen)")).collect();
    // The system's choice if that is a GPU.
    let wanted = if gpu().adapter().cpu { "cpu" } else { chosen[0].trim_end_matches(" (chosen)").trim() };
    assert_eq!(chosen, [format!("  {wanted} (chosen)")], "{text}");
    assert!(text.contains(shader_adapter()) && text.contains("storage binding"), "{text}");

    let text = scratch.succeed("info --threads 3");
    for words in ["cpu (chosen)", &format!("{level}, 3 threads"), "DDPM_SIMD", "plain (1 of f32)"] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    // What shaders need is not the processor's.
    for words in ["limits", "features", "matrices", "storage binding"] {
        assert!(!text.contains(words), "{words} in\n{text}");
    }
    let [text, _] = said(scratch.command("info --threads 1").env("DDPM_SIMD", "plain"));
    assert!(text.contains("plain, 1 thread\n"), "{text}");
    let text = scratch.succeed(&format!("info --adapter {}", shader_adapter()));
    assert!(text.contains("(chosen)") && !text.contains("cpu (chosen)"), "{text}");
}

#[test]
fn threads_change_no_byte() {
    let scratch = Scratch::new("threads", &["grey28"]);
    let many = Team::cores() + 1;
    for threads in [1, 2, 3, many] {
        let line = format!("{SAMPLE} {threads}.safetensors --threads {threads}");
        let [_, complaint] = said(&mut scratch.command(&line));
        let notes: Vec<&str> = complaint.lines().filter(|line| line.contains("--threads")).collect();
        assert_eq!(notes.len(), usize::from(threads > Team::cores()), "{complaint}");
        let pictures = [threads, 1].map(|threads| scratch.read(&format!("{threads}.safetensors")));
        assert!(pictures[0] == pictures[1], "{threads} threads draw another picture");
    }
}

/// What a machine without a Vulkan driver does.
#[cfg(target_os = "linux")]
#[test]
fn nothing_needs_a_driver() {
    let scratch = Scratch::with_pictures("no-driver");
    let without = |line: &str| {
        let mut command = scratch.by_default(line);
        for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            command.env(variable, "/nonexistent");
        }
        command.env_remove("VK_ADD_DRIVER_FILES");
        let [text, _] = said(&mut command);
        text
    };
    let text = without("info");
    assert!(text.contains("cpu (chosen)") && !text.contains("storage binding"), "{text}");
    without("train --config run.toml --steps 6 --out run");
    let text = without("sample --model run/model.safetensors --count 2 --tensors a.safetensors");
    assert!(text.contains("on cpu"), "{text}");
    without(
        "eval --model run/model.safetensors --dataset folder:pictures --train-split --count 2 --out found",
    );

    // As on a machine with one.
    scratch.succeed("train --config run.toml --steps 6 --out run-2");
    scratch.assert_same_end("run", "run-2");
    scratch.succeed("sample --model run/model.safetensors --count 2 --tensors b.safetensors");
    assert!(scratch.read("a.safetensors") == scratch.read("b.safetensors"), "another picture");
}
