//! `config.json` and `scheduler_config.json`, both ways.

use ddpm::error::ErrorKind;
use ddpm::spec::{
    BetaSchedule, BlockKind, DiffusionSpec, DownsamplePadding, PredictionType, TimeConditioning, UNetSpec,
    VarianceType,
};
use serde_json::{Value, json};

use super::{FIXTURES, assert_refused, fixture};

/// As diffusers 0.42 writes the scheduler of a model with σ² = β.
const SCHEDULER: &str = r#"{
  "_class_name": "DDPMScheduler", "_diffusers_version": "0.42.1", "beta_end": 0.02, "beta_schedule": "linear",
  "beta_start": 0.0001, "clip_sample": true, "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995,
  "num_train_timesteps": 1000, "prediction_type": "epsilon", "rescale_betas_zero_snr": false, "sample_max_value": 1.0,
  "steps_offset": 0, "thresholding": false, "timestep_spacing": "leading", "trained_betas": null,
  "variance_type": "fixed_large"
}"#;

/// A small network's configuration, complete.
fn small() -> Value {
    json!({
        "_class_name": "UNet2DModel", "act_fn": "silu", "attention_head_dim": 4, "block_out_channels": [8, 12],
        "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
        "in_channels": 2, "out_channels": 4, "layers_per_block": 1, "norm_num_groups": 4, "sample_size": [6, 10],
    })
}

/// `base` with `key` set to `value`.
fn with(mut base: Value, key: &str, value: Value) -> String {
    base[key] = value;
    base.to_string()
}

#[test]
fn fixtures_configs_are_written_as_diffusers_wrote_them() {
    for (name, ..) in FIXTURES {
        let text = std::fs::read_to_string(fixture(name).join("config.json")).unwrap();
        let written = UNetSpec::from_json(&text).unwrap().to_json();
        assert_eq!(written, serde_json::from_str::<Value>(&text).unwrap(), "{name}");
    }
}

#[test]
fn the_scheduler_config_is_written_as_diffusers_wrote_it() {
    let spec = DiffusionSpec::from_json(SCHEDULER).unwrap();
    assert_eq!(spec, DiffusionSpec::default());
    assert_eq!(spec.to_json().unwrap(), serde_json::from_str::<Value>(SCHEDULER).unwrap());
}

#[test]
fn missing_keys_have_the_defaults_of_diffusers() {
    let spec = UNetSpec::from_json(r#"{"sample_size": 64}"#).unwrap();
    let [plain, attention] = [BlockKind::Plain, BlockKind::Attention];
    let expected = UNetSpec {
        sample_size: [64, 64],
        in_channels: 3,
        out_channels: 3,
        block_out_channels: vec![224, 448, 672, 896],
        down_blocks: vec![plain, attention, attention, attention],
        up_blocks: vec![attention, attention, attention, plain],
        layers_per_block: 2,
        mid_attention: true,
        attn_norm_num_groups: None,
        attention_head_dim: Some(8),
        norm_num_groups: 32,
        norm_eps: 1e-5,
        downsample_padding: DownsamplePadding::Symmetric,
        flip_sin_to_cos: true,
        freq_shift: 0.0,
        time_embedding_dim: None,
        time_conditioning: TimeConditioning::Add,
        num_class_embeds: None,
        dropout: 0.0,
    };
    assert_eq!(spec, expected);

    let expected = DiffusionSpec { variance_type: VarianceType::FixedSmall, ..DiffusionSpec::default() };
    assert_eq!(DiffusionSpec::from_json("{}").unwrap(), expected);
    assert_eq!(DiffusionSpec::from_json(r#"{"_class_name": "DDIMScheduler"}"#).unwrap(), expected);
}

#[test]
fn the_first_published_configs_load() {
    let text = r#"{
      "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "act_fn": "silu", "attention_head_dim": null,
      "block_out_channels": [128, 256, 256, 256], "center_input_sample": false,
      "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"], "downsample_padding": 0,
      "flip_sin_to_cos": false, "freq_shift": 1, "in_channels": 3, "layers_per_block": 2, "mid_block_scale_factor": 1,
      "norm_eps": 1e-06, "norm_num_groups": 32, "out_channels": 3, "sample_size": 32,
      "time_embedding_type": "positional",
      "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]
    }"#;
    let spec = UNetSpec::from_json(text).unwrap();
    assert_eq!(spec.attention_head_dim, None);
    assert_eq!(spec.downsample_padding, DownsamplePadding::Asymmetric);
    assert_eq!((spec.freq_shift, spec.flip_sin_to_cos, spec.norm_eps), (1.0, false, 1e-6));
    assert_eq!(UNetSpec::from_json(&spec.to_json().to_string()).unwrap(), spec);

    let text = r#"{"_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1", "beta_end": 0.02,
      "beta_schedule": "linear", "beta_start": 0.0001, "clip_sample": true, "num_train_timesteps": 1000,
      "trained_betas": null, "variance_type": "fixed_large"}"#;
    assert_eq!(DiffusionSpec::from_json(text).unwrap(), DiffusionSpec::default());
    let spec = DiffusionSpec::from_json(r#"{"predict_epsilon": false}"#).unwrap();
    assert_eq!(spec.prediction_type, PredictionType::Sample);
}

#[test]
fn network_configs_survive_a_round_trip() {
    for (key, value) in [
        ("sample_size", json!(12)),
        ("add_attention", json!(false)),
        ("attn_norm_num_groups", json!(6)),
        ("attention_head_dim", Value::Null),
        ("norm_eps", json!(1e-6)),
        ("norm_eps", json!(0.1)),
        ("freq_shift", json!(0.5)),
        ("time_embedding_dim", json!(40)),
        ("resnet_time_scale_shift", json!("scale_shift")),
        ("num_class_embeds", json!(11)),
        ("dropout", json!(0.1)),
        ("act_fn", json!("SWISH")),
        ("downsample_padding", json!(0)),
        ("out_channels", json!(2)),
    ] {
        let spec = UNetSpec::from_json(&with(small(), key, value.clone())).unwrap();
        let written = spec.to_json();
        assert_eq!(UNetSpec::from_json(&written.to_string()).unwrap(), spec, "{key}");
        if key != "act_fn" {
            assert_eq!(written[key], value, "{key}");
        }
    }
}

#[test]
fn schedulers_survive_a_round_trip() {
    use BetaSchedule::*;
    for beta_schedule in [Linear, Quad, Const, Jsd, Warmup10, Warmup50, SquaredCosCapV2] {
        for prediction_type in
            [PredictionType::Epsilon, PredictionType::Sample, PredictionType::PreviousX, PredictionType::V]
        {
            for variance_type in [
                VarianceType::FixedSmall,
                VarianceType::FixedLarge,
                VarianceType::Learned,
                VarianceType::LearnedRange,
            ] {
                let spec = DiffusionSpec {
                    num_timesteps: 40,
                    beta_schedule,
                    beta_start: 0.00085,
                    beta_end: 0.012,
                    prediction_type,
                    variance_type,
                    clip_sample: false,
                    steps_offset: 1,
                };
                let text = spec.to_json().unwrap().to_string();
                assert_eq!(DiffusionSpec::from_json(&text).unwrap(), spec);
            }
        }
    }
}

#[test]
fn schedules_that_diffusers_lacks_are_written_as_their_betas() {
    let spec =
        DiffusionSpec { num_timesteps: 4, beta_schedule: BetaSchedule::Jsd, ..DiffusionSpec::default() };
    let written = spec.to_json().unwrap();
    assert_eq!(written["beta_schedule"], "linear");
    assert_eq!(written["trained_betas"], json!([0.25, 0.33333334, 0.5, 1.0]));

    let longest = DiffusionSpec { num_timesteps: 4000, ..spec.clone() };
    let text = longest.to_json().unwrap().to_string();
    assert_eq!(DiffusionSpec::from_json(&text).unwrap(), longest);
    let longer = DiffusionSpec { num_timesteps: 4001, ..spec };
    assert_refused(longer.to_json(), &["num_train_timesteps", "4000", "jsd", "4001"]);
}

#[test]
fn what_a_network_config_asks_for_in_vain_is_named() {
    for (key, value) in [
        ("_class_name", json!("UNet2DConditionModel")),
        ("act_fn", json!("gelu")),
        ("attention_head_dim", json!(5)),
        ("attention_head_dim", json!(24)),
        ("block_out_channels", json!([4, 13])),
        ("center_input_sample", json!(true)),
        ("class_embed_type", json!("timestep")),
        ("down_block_types", json!(["DownBlock2D", "SkipDownBlock2D"])),
        ("down_block_types", json!(["DownBlock2D", "AttnUpBlock2D"])),
        ("downsample_type", json!("resnet")),
        ("mid_block_scale_factor", json!(1.4)),
        ("mid_block_type", json!(null)),
        ("mid_block_type", json!("UNetMidBlock2DCrossAttn")),
        ("resnet_time_scale_shift", json!("spatial")),
        ("time_embedding_type", json!("fourier")),
        ("up_block_types", json!(["AttnUpBlock2D", "ResnetUpsampleBlock2D"])),
        ("upsample_type", json!("resnet")),
        ("add_attention", json!(1)),
        ("attn_norm_num_groups", json!(5)),
        ("block_out_channels", json!([])),
        ("block_out_channels", json!([8, 0])),
        ("block_out_channels", json!([8, -12])),
        ("block_out_channels", json!([8, 1e300])),
        ("block_out_channels", json!([8, 16384])),
        ("block_out_channels", json!("8")),
        ("block_out_channels", json!(vec![8; 13])),
        ("down_block_types", json!(["DownBlock2D"])),
        ("down_block_types", json!(3)),
        ("downsample_padding", json!(2)),
        ("dropout", json!(1.0)),
        ("flip_sin_to_cos", json!("yes")),
        ("freq_shift", json!(4)),
        ("in_channels", json!(0)),
        ("layers_per_block", json!(0)),
        ("layers_per_block", json!(4294967295u32)),
        ("norm_eps", json!(0)),
        ("norm_eps", json!(-1e-5)),
        ("norm_num_groups", json!(0)),
        ("norm_num_groups", json!(null)),
        ("norm_num_groups", json!(3)),
        ("num_class_embeds", json!(0)),
        ("num_class_embeds", json!(18446744073709551615u64)),
        ("out_channels", json!(3)),
        ("sample_size", json!(null)),
        ("sample_size", json!(7)),
        ("sample_size", json!([6, 10, 14])),
        ("sample_size", json!([16384, 16384])),
        ("time_embedding_dim", json!(0)),
        ("up_block_types", json!([])),
    ] {
        let result = UNetSpec::from_json(&with(small(), key, value.clone()));
        let message = result.as_ref().err().map(ToString::to_string);
        assert_refused(
            result,
            &[if key == "block_out_channels" { "block_out_channels" } else { key }, "expected", "found"],
        );
        // The sentence shows what was found: the value, or its part that is wrong.
        let shown = match &value {
            Value::Array(parts) if parts.len() < 5 => {
                parts.iter().any(|part| message.as_ref().unwrap().contains(&part.to_string()))
                    || parts.len() < 2
                    || key == "sample_size"
            }
            Value::Array(parts) => message.as_ref().unwrap().contains(&parts.len().to_string()),
            value => message.as_ref().unwrap().contains(value.to_string().trim_end_matches(".0")),
        };
        assert!(shown, "{key}: {value} is not in: {message:?}");
    }
    for (text, word) in
        [("", "JSON"), ("[]", "object"), ("{\"a\": ", "JSON"), ("nul", "JSON"), ("{}", "sample_size")]
    {
        assert_refused(UNetSpec::from_json(text), &[word, "expected", "found"]);
    }
}

#[test]
fn what_a_scheduler_config_asks_for_in_vain_is_named() {
    let base: Value = serde_json::from_str(SCHEDULER).unwrap();
    for (key, value) in [
        ("_class_name", json!("PNDMScheduler")),
        ("beta_schedule", json!("sigmoid")),
        ("beta_schedule", json!("laplace")),
        ("clip_sample_range", json!(2.0)),
        ("prediction_type", json!("flow")),
        ("rescale_betas_zero_snr", json!(true)),
        ("set_alpha_to_one", json!(false)),
        ("thresholding", json!(true)),
        ("timestep_spacing", json!("trailing")),
        ("trained_betas", json!([0.1, 0.2])),
        ("trained_betas", json!(vec![0.012345; 1000])),
        ("variance_type", json!("fixed_large_log")),
    ] {
        let result = DiffusionSpec::from_json(&with(base.clone(), key, value));
        assert_eq!(result.as_ref().unwrap_err().kind(), ErrorKind::Unsupported);
        assert_refused(result, &[key, "expected", "found"]);
    }
    for (key, value) in [
        ("beta_end", json!(1.5)),
        ("beta_start", json!(0)),
        ("beta_start", json!("small")),
        ("clip_sample", json!(null)),
        ("num_train_timesteps", json!(0)),
        ("num_train_timesteps", json!(1000001)),
        ("num_train_timesteps", json!(-1)),
        ("steps_offset", json!(1000)),
    ] {
        let result = DiffusionSpec::from_json(&with(base.clone(), key, value));
        assert_eq!(result.as_ref().unwrap_err().kind(), ErrorKind::Load);
        assert_refused(result, &[key, "expected", "found"]);
    }
    // A range that nothing is clipped to means nothing.
    let mut unclipped = base;
    unclipped["clip_sample"] = json!(false);
    assert!(DiffusionSpec::from_json(&with(unclipped, "clip_sample_range", json!(2.0))).is_ok());
}
