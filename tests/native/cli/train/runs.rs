//! What a run leaves in its folder.

use ddpm::checkpoint::{Weights, folder};
use ddpm::spec::{PredictionType, VarianceType};

use super::super::super::compare::assert_fails;
use super::Scratch;

#[test]
fn a_run_leaves_all_that_it_promises_and_the_same_again() {
    let scratch = Scratch::with_pictures("train");
    let said = scratch.succeed("train --config run.toml --out one");
    assert!(said.contains("one/model.safetensors") && said.contains("24 steps"), "{said}");
    for file in
        ["config.toml", "loss.svg", "state.safetensors", "samples/step-000012.png", "samples/step-000024.png"]
    {
        assert!(scratch.0.join("one").join(file).is_file(), "{file}");
    }
    let lines = scratch.metrics("one");
    let steps = |key: &str| -> Vec<u64> {
        lines.iter().filter(|line| !line[key].is_null()).filter_map(|line| line["step"].as_u64()).collect()
    };
    assert_eq!(steps("loss"), [4, 8, 12, 16, 20, 24]);
    assert_eq!(steps("validation_loss"), [12, 24]);
    for key in ["loss", "grad_norm", "learning_rate", "images_per_second", "seconds"] {
        assert!(lines[0][key].as_f64().is_some_and(|value| value > 0.0), "{key}: {}", lines[0]);
    }
    let svg = String::from_utf8(scratch.read("one/loss.svg")).expect("UTF-8");
    assert!(svg.starts_with("<svg") && svg.contains("training") && svg.contains("validation"), "{svg}");

    // Two classes and none; the page takes it as it is.
    let model = folder::load(scratch.0.join("one/model.safetensors")).expect("a model");
    assert_eq!(model.unet.num_class_embeds, Some(3));
    assert_eq!((model.metadata.class_names.len(), model.metadata.null_class), (2, Some(2)));
    let card = model.metadata.card.expect("a card");
    assert_eq!((card["steps"].as_u64(), card["images_seen"].as_u64()), (Some(24), Some(96)));
    assert_eq!(card["data"], "folder:pictures");
    scratch
        .succeed("sample --model one/model.safetensors --label rows --guidance 2 --count 2 --out rows.png");

    // What it says of itself is the same run.
    scratch.succeed("train --config one/config.toml --out two");
    scratch.assert_same_end("one", "two");
    scratch.succeed("train --config one/config.toml --seed 1 --out three");
    let other = scratch.read("three/config.toml");
    scratch.write("three/config.toml", &scratch.read("one/config.toml"));
    assert_fails("another seed", || scratch.assert_same_end("one", "three"));
    assert_ne!(other, scratch.read("one/config.toml"));
}

#[test]
fn a_run_begins_with_a_model() {
    let scratch = Scratch::with_pictures("init");
    scratch.succeed("train --config run.toml --no-classes --steps 2 --out plain");
    let said =
        scratch.ddpm("train --config run.toml --init plain/model.safetensors --steps 1 --lr 0 --out classes");
    let notes = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && notes.contains("class embedding"), "{notes}");
    // At a learning rate of 0 the weights stay.
    let load = |run: &str| folder::load(scratch.0.join(run).join("model.safetensors")).expect(run).weights;
    let (plain, classes) = (load("plain"), load("classes"));
    for name in plain.names() {
        assert_eq!(classes.get(name).expect(name), plain.get(name).expect(name), "{name}");
    }
    assert_eq!(classes.shape("class_embedding.weight").map(|shape| shape[0]), Some(3));
    let trained = load_after_a_step(&scratch);
    let biases = |weights: &Weights| weights.get("conv_in.bias").expect("a tensor").into_owned();
    assert_ne!(biases(&trained), biases(&plain), "a step changes nothing");
}

/// The weights of a run that was trained.
fn load_after_a_step(scratch: &Scratch) -> Weights {
    scratch.succeed(
        "train --config run.toml --init plain/model.safetensors --no-classes --steps 1 --out trained",
    );
    folder::load(scratch.0.join("trained/model.safetensors")).expect("a model").weights
}

#[test]
fn runs_in_other_modes() {
    let scratch = Scratch::with_pictures("modes");
    scratch.succeed(
        "train --config run.toml --steps 6 --prediction v_prediction --variance learned_range --loss rescaled_mse \
         --min-snr 5 --out hybrid",
    );
    let model = |run: &str| folder::load(scratch.0.join(run).join("model.safetensors")).expect(run);
    let hybrid = model("hybrid");
    assert_eq!(hybrid.unet.out_channels, 2);
    let process = (hybrid.diffusion.prediction_type, hybrid.diffusion.variance_type);
    assert_eq!(process, (PredictionType::V, VarianceType::LearnedRange));
    let config = String::from_utf8(scratch.read("hybrid/config.toml")).expect("text");
    for line in ["loss = \"rescaled_mse\"", "min_snr_gamma = 5.0", "prediction_type = \"v_prediction\""] {
        assert!(config.contains(line), "{line}: {config}");
    }
    let hybrid_model = "hybrid/model.safetensors";
    scratch.succeed(&format!(
        "sample --model {hybrid_model} --label rows --guidance 2 --count 2 --out rows.png"
    ));
    // The same run again; then no weights, and another variance.
    scratch.succeed("train --config hybrid/config.toml --out again");
    scratch.assert_same_end("hybrid", "again");
    scratch.succeed(
        "train --config hybrid/config.toml --min-snr 0 --variance fixed_small --loss kl --out plain",
    );
    assert_eq!(model("plain").unet.out_channels, 1);

    // A model's process and outputs are those of the run that begins with it.
    let run = "train --dataset folder:pictures --size 8x8 --channels 1 --steps 1 --batch-size 4";
    scratch.succeed(&format!("{run} --init {hybrid_model} --classes --out more"));
    assert_eq!(model("more").diffusion, hybrid.diffusion);
    let said =
        scratch.ddpm(&format!("{run} --init {hybrid_model} --classes --prediction sample --out other"));
    let notes = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && notes.contains("predict Sample and has learned V"), "{notes}");

    scratch.succeed("train --config run.toml --steps 2 --prediction previous_x --loss kl --out previous");
    assert_eq!(model("previous").diffusion.prediction_type, PredictionType::PreviousX);
    scratch.succeed(
        "sample --model previous/model.safetensors --count 1 --sampler ddim --steps 5 --out one.png",
    );
    scratch.succeed("export --model previous/model.safetensors --out exported");
    assert_eq!(
        folder::load(scratch.0.join("exported")).expect("a folder").diffusion,
        model("previous").diffusion
    );
}
