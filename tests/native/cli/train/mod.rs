//! `ddpm train`: a run's files, that it ends in the same bytes however often it is stopped, and what it refuses.

mod refusals;
mod runs;
mod stops;

use image::{GrayImage, Luma};

use super::Scratch;

/// A run of seconds on a CPU: 8 × 8 pictures of two classes, everything in it that larger runs have.
const CONFIG: &str = r#"
[data]
dataset = "folder:pictures"
classes = true
held_out = 0.2
mirror = true

[network]
sample_size = [8, 8]
in_channels = 1
out_channels = 1
block_out_channels = [4, 8]
down_blocks = ["plain", "attention"]
up_blocks = ["attention", "plain"]
layers_per_block = 1
mid_attention = false
norm_num_groups = 2
norm_eps = 1e-6
downsample_padding = "asymmetric"
flip_sin_to_cos = false
freq_shift = 1.0
time_conditioning = "add"
dropout = 0.1

[diffusion]
num_timesteps = 20

[training]
steps = 24
batch_size = 4
learning_rate = 2e-3
warmup_steps = 5
ema_decay = 0.9

[output]
log_every = 4
save_every = 3
sample_every = 12
"#;

impl Scratch {
    /// With pictures and `run.toml`.
    pub(super) fn with_pictures(test: &str) -> Self {
        let scratch = Self::new(test, &[]);
        for (class, vertical) in [("columns", true), ("rows", false)] {
            let folder = scratch.0.join("pictures").join(class);
            std::fs::create_dir_all(&folder).expect("a folder");
            for ix in 0..12 {
                let line = |x, y| if vertical { x } else { y } == ix % 8;
                let picture =
                    GrayImage::from_fn(8, 8, |x, y| Luma([if line(x, y) { 255 } else { 20 * ix as u8 }]));
                picture.save(folder.join(format!("{ix}.png"))).expect("saved");
            }
        }
        scratch.write("run.toml", CONFIG.as_bytes());
        scratch
    }

    /// The lines of a run's metrics.
    fn metrics(&self, run: &str) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.read(&format!("{run}/metrics.jsonl"))).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Asserts that two runs ended in the same bytes, and that nothing else is left of them.
    pub(super) fn assert_same_end(&self, run: &str, other: &str) {
        let names = |run: &str| -> Vec<String> {
            let folder = self.0.join(run);
            let files = self.files().into_iter().filter_map(|(path, _)| {
                path.strip_prefix(&folder).ok().map(|name| name.to_string_lossy().into_owned())
            });
            files.collect()
        };
        assert_eq!(names(run), names(other), "{run} and {other}");
        // The metrics have times in them.
        for name in names(run).iter().filter(|name| *name != "metrics.jsonl") {
            let [found, wanted] = [run, other].map(|run| self.read(&format!("{run}/{name}")));
            assert!(found == wanted, "{run}/{name} is not that of {other}");
        }
        let untimed = |run: &str| {
            let mut lines = self.metrics(run);
            for line in lines.iter_mut().filter_map(serde_json::Value::as_object_mut) {
                line.remove("seconds");
                line.remove("images_per_second");
            }
            lines
        };
        assert_eq!(untimed(run), untimed(other), "{run} and {other}");
    }
}
