//! The command line, as its users have it: the built program, in a folder of its own.

mod bad_input;
mod device;
mod eval;
mod export;
mod files;
mod frechet;
mod gradients;
mod neighbours;
mod pictures;
mod sample;
mod train;
#[cfg(unix)]
mod tuning;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::compare::{assert_fails, assert_max_abs};
use super::fixtures::{Fixture, path};
use super::gpu::gpu;

/// A folder for one test, gone with it, in which `ddpm` runs.
struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder, with copies of the U-Nets `models` of tests/fixtures/unet in it.
    fn new(test: &str, models: &[&str]) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}-{test}", std::process::id()));
        // Left over by a process of the same number, if at all.
        let _ = std::fs::remove_dir_all(&folder);
        for model in models {
            std::fs::create_dir_all(folder.join(model)).expect("a folder");
            for file in ["config.json", "diffusion_pytorch_model.safetensors"] {
                let from = path(&format!("unet/{model}")).join(file);
                std::fs::copy(from, folder.join(model).join(file)).expect("a copy");
            }
        }
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    /// `ddpm` with the words of `line` as arguments, to be run; on the processor, unless they say something else.
    fn command(&self, line: &str) -> Command {
        let mut command = self.by_default(line);
        if !line.contains("--adapter") {
            command.args(["--adapter", "cpu"]);
        }
        command
    }

    /// The same on what it takes by itself.
    fn by_default(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ddpm"));
        command.current_dir(&self.0).args(line.split_whitespace());
        // What was measured between two runs would tell in their last bits.
        command.env("DDPM_TUNING", "off");
        command
    }

    /// Runs `ddpm` with the words of `line` as arguments.
    fn ddpm(&self, line: &str) -> Output {
        self.command(line).output().expect("ddpm runs")
    }

    /// As [`Self::ddpm`], of a line that must succeed; what it says.
    fn succeed(&self, line: &str) -> String {
        let output = self.ddpm(line);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ddpm {line}: {complaint}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(file), bytes).expect("written");
    }

    /// The names and sizes of all files, hidden ones too.
    fn files(&self) -> Vec<(PathBuf, u64)> {
        fn visit(folder: &Path, files: &mut Vec<(PathBuf, u64)>) {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    visit(&path, files);
                } else {
                    let size = path.metadata().expect("a size").len();
                    files.push((path, size));
                }
            }
        }
        let mut files = Vec::new();
        visit(&self.0, &mut files);
        files.sort();
        files
    }

    /// The F32 tensor `name` of a safetensors file.
    fn tensor(&self, file: &str, name: &str) -> (Vec<usize>, Vec<f32>) {
        let bytes = self.read(file);
        let view = safetensors::SafeTensors::deserialize(&bytes).expect(file);
        let view = view.tensor(name).expect(name);
        assert_eq!(view.dtype(), safetensors::Dtype::F32, "{file}: {name}");
        let values = view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("4")))
            .collect();
        (view.shape().to_vec(), values)
    }
}

/// A word of the shader adapter's name, for `--adapter`.
fn shader_adapter() -> &'static str {
    gpu().adapter().name.split_whitespace().next().expect("a name")
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is of no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn predict_follows_diffusers() {
    let models = ["cifar32", "cifar32_legacy_keys", "classes16", "grey28"];
    let scratch = Scratch::new("predict", &models);
    for model in models {
        let io = format!("unet/{}/io.safetensors", model.trim_end_matches("_legacy_keys"));
        std::fs::copy(path(&io), scratch.0.join("io.safetensors")).expect("a copy");
        for adapter in ["cpu", shader_adapter()] {
            let said = scratch.succeed(&format!(
                "debug predict --model {model} --input io.safetensors --output out.safetensors --adapter {adapter}"
            ));
            assert!(said.contains(adapter), "{adapter}: {said}");
            let wanted = Fixture::load(&io).f32("output");
            let (shape, found) = scratch.tensor("out.safetensors", "output");
            assert_eq!(shape, wanted.shape, "{model}");
            assert_max_abs(&format!("{model} on {adapter}"), &found, &wanted.data, 1e-4);
            let mut spoilt = found;
            spoilt[5] += 3e-4;
            assert_fails(model, || assert_max_abs("spoilt", &spoilt, &wanted.data, 1e-4));
        }
    }
}

#[test]
fn info_tells_of_adapters_and_models() {
    let scratch = Scratch::new("info", &["classes16"]);
    let output = scratch.by_default("info --model classes16").output().expect("ddpm runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let config = ddpm::checkpoint::folder::load(path("unet/classes16")).expect("a model");
    let graph = ddpm::graph::unet::describe(&config.unet, config.unet.sample_size).expect("a graph");
    let ungrouped = text.replace(',', "");
    for wanted in [
        graph.num_parameters().to_string(),
        graph.flops().to_string(),
        "storage binding".to_owned(),
        "tile".to_owned(),
        "matrices".to_owned(),
        "T = 1000".to_owned(),
        "at batch 1".to_owned(),
        "at batch 16 measured on".to_owned(),
        format!("{} labels", config.unet.num_class_embeds.expect("classes")),
    ] {
        assert!(ungrouped.contains(&wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn every_verb_has_an_example() {
    let scratch = Scratch::new("help", &[]);
    for verb in [
        "",
        "sample",
        "edit",
        "interpolate",
        "progressive",
        "latents",
        "train",
        "eval",
        "noise",
        "neighbours",
        "info",
        "pack",
        "export",
        "debug predict",
        "debug gradients",
    ] {
        let text = scratch.succeed(&format!("{verb} --help"));
        let example =
            text.split("Example").nth(1).unwrap_or_else(|| panic!("ddpm {verb}: no example in\n{text}"));
        assert!(example.contains(format!("ddpm {verb}").trim_end()), "ddpm {verb}: {example}");
    }
    assert!(scratch.succeed("--version").starts_with("ddpm "));
}
