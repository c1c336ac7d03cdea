//! A run as text: read again, it is the same run.

use std::path::PathBuf;

use ddpm::dataset::Dataset;
use ddpm::dataset::files::Source;
use ddpm::spec::{BetaSchedule, LearningRateSchedule, LossType, PredictionType, TrainSpec, VarianceType};
use ddpm::train::{DataConfig, OutputConfig, Preset, RunConfig};

use crate::refusal::assert_refused;

/// A configuration in which nothing is as by default.
fn unusual() -> RunConfig {
    let data = DataConfig {
        dataset: Source::Folder("holiday photos".into()),
        data: None,
        classes: true,
        label_dropout: 0.3,
        mirror: true,
        held_out: 0.2,
        skip_bad: true,
    };
    let mut config = RunConfig::from_preset(Preset::Tiny, data, [3, 16, 24]);
    config.init = Some(PathBuf::from("model.safetensors"));
    config.network.attention_head_dim = Some(8);
    config.network.norm_eps = 1.3e-5;
    config.network.dropout = 0.07;
    config.network.num_class_embeds = Some(4);
    config.diffusion.beta_schedule = BetaSchedule::SquaredCosCapV2;
    config.diffusion.num_timesteps = 500;
    config.diffusion.prediction_type = PredictionType::PreviousX;
    config.diffusion.variance_type = VarianceType::FixedSmall;
    config.training = TrainSpec {
        steps: 123,
        batch_size: 12,
        micro_batch: 4,
        loss: LossType::RescaledMse,
        min_snr_gamma: Some(5.0),
        learning_rate: 1.0 / 3.0,
        schedule: LearningRateSchedule::Cosine,
        max_grad_norm: None,
        eps: 1e-9,
        seed: (1 << 63) - 1,
        ..TrainSpec::default()
    };
    config.output = OutputConfig { save_every: 7, sample_every: 0, log_every: 3 };
    config
}

#[test]
fn a_configuration_is_read_as_it_was_written() {
    let usual = RunConfig::from_preset(Preset::Cifar10, DataConfig::new(Source::Cifar10), [3, 32, 32]);
    let mut learned = usual.clone();
    learned.diffusion.variance_type = VarianceType::LearnedRange;
    learned.network.out_channels = 6;
    for config in [usual, unusual(), learned] {
        let text = config.to_toml().expect("a text");
        let again = RunConfig::from_toml(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
        assert_eq!(again, config, "\n{text}");
        assert_eq!(again.to_toml().expect("a text"), text);
    }
}

#[test]
fn what_is_missing_is_as_in_the_paper() {
    let text = unusual().to_toml().expect("a text");
    let network =
        text.split("[network]").nth(1).and_then(|rest| rest.split("[diffusion]").next()).expect("a table");
    let network = network.replace("num_class_embeds = 4\n", "");
    let short = format!("[data]\ndataset = \"mnist\"\n\n[network]{network}");
    let config = RunConfig::from_toml(&short).unwrap_or_else(|error| panic!("{error}:\n{short}"));
    assert_eq!(config.training, TrainSpec { micro_batch: 0, ..TrainSpec::default() });
    assert_eq!(config.data, DataConfig::new(Source::Mnist));
    assert_eq!(config.output, OutputConfig::default());
}

/// As runs have written them that knew of one loss alone.
#[test]
fn a_configuration_without_a_loss_is_of_the_simple_one() {
    let text = unusual().to_toml().expect("a text");
    let keys = ["loss = \"rescaled_mse\"\n", "min_snr_gamma = 5.0\n"];
    assert!(keys.iter().all(|key| text.contains(key)), "{text}");
    let old = keys.iter().fold(text, |text, key| text.replacen(key, "", 1));
    let config = RunConfig::from_toml(&old).unwrap_or_else(|error| panic!("{error}:\n{old}"));
    assert_eq!((config.training.loss, config.training.min_snr_gamma), (LossType::Mse, None));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let text = unusual().to_toml().expect("a text");
    for (from, to, words) in [
        ("mirror = true", "mirrored = true", ["mirrored", "line "]),
        ("dropout = 0.07", "dropout = \"much\"", ["much", "line "]),
        ("steps = 123", "stepz = 123", ["stepz", "line "]),
        ("save_every = 7", "safe_every = 7", ["safe_every", "line "]),
        ("num_timesteps = 500", "timesteps = 500", ["timesteps", "line "]),
        ("[output]", "[outputs]", ["outputs", "line "]),
        ("holiday photos", "", ["data set folder:", "folder:PATH"]),
        ("schedule = \"cosine\"", "schedule = \"step\"", ["step", "cosine"]),
        ("micro_batch = 4", "micro_batch = 5", ["micro-batch", "found 5"]),
        ("label_dropout = 0.3", "label_dropout = 1.5", ["label_dropout", "1.5"]),
        ("save_every = 7", "save_every = 0", ["save_every", "found 0"]),
        ("out_channels = 3", "out_channels = 6", ["out_channels", "learned variance"]),
        ("classes = true", "classes = false", ["num_class_embeds", "none"]),
        (
            "variance_type = \"fixed_small\"",
            "variance_type = \"learned\"",
            ["out_channels: expected 6", "found 3"],
        ),
        ("loss = \"rescaled_mse\"", "loss = \"kl\"", ["loss", "min_snr_gamma 5"]),
        ("loss = \"rescaled_mse\"", "loss = \"l1\"", ["l1", "rescaled_kl"]),
        ("min_snr_gamma = 5.0", "min_snr_gamma = -5.0", ["min_snr_gamma", "above 0"]),
        ("in_channels = 3\n", "", ["in_channels", "missing"]),
        ("norm_num_groups = 8", "norm_num_groups = 7", ["norm_num_groups", "7"]),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert_refused(RunConfig::from_toml(&changed), &words);
    }
    assert_refused(RunConfig::from_toml("no table"), &["line 1"]);
    let large = RunConfig { training: TrainSpec { seed: u64::MAX, ..TrainSpec::default() }, ..unusual() };
    assert_refused(large.to_toml(), &["seed", "2^63"]);
}

#[test]
fn differences_are_named_but_not_of_what_is_written_when() {
    let (one, mut other) = (unusual(), unusual());
    other.output.save_every = 1000;
    assert_eq!(one.difference(&other).expect("two runs"), None);
    other.network.dropout = 0.5;
    let difference = |other: &RunConfig| one.difference(other).expect("two runs").expect("a difference");
    assert_eq!(difference(&other), "network.dropout: expected 0.07, found 0.5");
    other = unusual();
    other.init = None;
    assert!(difference(&other).starts_with("init: expected "));
}

#[test]
fn the_class_embedding_has_a_row_for_each_class_and_one_for_none() {
    let names = |count: u32| (0..count).map(|ix| format!("class {ix}")).collect::<Vec<_>>();
    let of = |classes: u32| {
        Dataset::new([1, 2, 2], vec![0; 8], Some(vec![0, classes - 1]), names(classes)).expect("a data set")
    };
    let mut config = unusual();
    config.network.num_class_embeds = None;
    config.fit_classes(&of(3)).expect("classes");
    assert_eq!((config.network.num_class_embeds, config.null_class()), (Some(4), Some(3)));
    config.fit_classes(&of(3)).expect("the same");
    assert_refused(config.fit_classes(&of(2)), &["num_class_embeds", "expected 3", "found 4"]);
    let unlabelled = Dataset::new([1, 2, 2], vec![0; 8], None, vec![]).expect("a data set");
    assert_refused(config.fit_classes(&unlabelled), &["expected classes"]);
    let dropout = config.loader_options().label_dropout.expect("a null class");
    assert_eq!((dropout.null_class, dropout.probability), (3, 0.3));
}
