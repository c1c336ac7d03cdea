//! Runs that are not begun: one sentence, nothing written.

use super::super::bad_input::assert_refused;
use super::{CONFIG, Scratch};

#[test]
fn bad_runs() {
    let scratch = Scratch::with_pictures("refusals");
    std::fs::create_dir(scratch.0.join("empty")).expect("a folder");
    let changed = |file: &str, from: &str, to: &str| {
        assert!(CONFIG.contains(from), "{from}");
        scratch.write(file, CONFIG.replacen(from, to, 1).as_bytes());
    };
    changed("key.toml", "warmup_steps", "warm_up_steps");
    changed("learned.toml", "out_channels = 1", "out_channels = 2");
    changed("classes.toml", "dropout = 0.1", "dropout = 0.1\nnum_class_embeds = 7");
    changed("size.toml", "sample_size = [8, 8]", "sample_size = [8, 9]");
    changed("bound.toml", "steps = 24", "steps = 24\nloss = \"kl\"\nmin_snr_gamma = 5.0");
    scratch.succeed("train --config run.toml --steps 1 --out plain");
    let (train, run) = ("train --config run.toml --out run", "train --dataset folder:pictures --out run");
    assert_refused(
        &scratch,
        &[
            (2, "train --dataset folder:pictures", "--out"),
            (2, "train --out run", "--dataset"),
            (2, "train --out run --resume", "--dataset"),
            (2, "train --dataset photos --out run", "fashion-mnist"),
            (2, &format!("{run} --preset large"), "tiny, small or cifar10"),
            (2, &format!("{train} --preset tiny"), "--preset"),
            (2, &format!("{train} --force"), "--resume"),
            (2, &format!("{train} --batch-size 0"), "--batch-size"),
            (2, &format!("{train} --memory 0"), "--memory"),
            (2, &format!("{train} --channels 2"), "--channels"),
            (1, &format!("{train} --seed 9223372036854775808"), "seed: expected"),
            (2, &format!("{train} --schedule step"), "--schedule"),
            (1, "train --dataset folder:nothing --out run", "nothing"),
            (1, "train --dataset folder:empty --out run", "empty"),
            (1, "train --dataset mnist --data empty --out run", "mnist"),
            (1, &format!("{train} --batch-size 8 --micro-batch 3"), "divisor of the batch of 8, found 3"),
            (1, &format!("{train} --memory 0.00001"), "memory: expected"),
            (1, &format!("{train} --label-dropout 2"), "label_dropout"),
            (1, &format!("{train} --ema 1"), "ema decay"),
            (1, &format!("{train} --lr NaN"), "learning rate"),
            (1, &format!("{train} --steps 4294967295"), "2^32"),
            (1, &format!("{train} --init nothing"), "nothing"),
            (1, "train --config key.toml --out run", "warm_up_steps"),
            (1, "train --config learned.toml --out run", "learned variance"),
            (1, "train --config bound.toml --out run", "expected mse or rescaled_mse"),
            (1, &format!("{train} --loss rescaled_kl --min-snr 5"), "expected mse or rescaled_mse"),
            (1, &format!("{train} --min-snr=-1"), "min_snr_gamma: expected a number above 0"),
            (2, &format!("{train} --loss huber"), "rescaled_mse"),
            (2, &format!("{train} --prediction noise"), "previous_x"),
            (2, &format!("{train} --variance large"), "learned_range"),
            (
                1,
                "train --dataset folder:pictures --init plain/model.safetensors --size 8x8 --channels 1 --variance learned --out run",
                "model.safetensors: out_channels: expected 2",
            ),
            (1, "train --config classes.toml --out run", "num_class_embeds: expected 3"),
            (1, "train --config size.toml --out run", "sample_size"),
            (1, "train --config nothing.toml --out run", "nothing.toml"),
            (1, "train --dataset folder:pictures --preset tiny --init plain --out run", "plain"),
            (
                1,
                "train --dataset folder:pictures --preset tiny --size 8x8 --channels 1 --init plain/model.safetensors --out run",
                "model.safetensors: block_out_channels",
            ),
            (1, "train --config run.toml --out nowhere/run", "nowhere"),
            (1, "train --config run.toml --out run.toml", "run.toml"),
            (1, "train --config run.toml --out run.toml/run", "run.toml"),
            (1, "train --config run.toml --out pictures", "other files"),
            (1, "train --config run.toml --out plain", "--resume"),
            (1, &format!("{train} --adapter no-such-adapter"), "no-such-adapter"),
        ],
    );
}
