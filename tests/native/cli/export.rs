//! `ddpm export`: what diffusers reads is what the model was.

use ddpm::checkpoint::{Checkpoint, Precision, folder};
use serde_json::Value;

use super::super::compare::assert_fails;
use super::Scratch;
use super::bad_input::assert_refused;

const FILES: [&str; 4] = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
];

/// Asserts that two checkpoints say and weigh the same, to the bit.
fn assert_same(found: &Checkpoint, wanted: &Checkpoint) {
    assert_eq!(
        (&found.unet, &found.diffusion, &found.metadata),
        (&wanted.unet, &wanted.diffusion, &wanted.metadata)
    );
    let names: Vec<&str> = wanted.weights.names().collect();
    assert_eq!(found.weights.names().collect::<Vec<_>>(), names);
    for name in names {
        assert_eq!(found.weights.get(name).expect(name), wanted.weights.get(name).expect(name), "{name}");
    }
}

#[test]
fn every_form_of_a_model_becomes_a_pipeline() {
    let models = ["grey28", "classes16", "cifar32_legacy_keys"];
    let scratch = Scratch::new("export", &models);
    let load = |name: &str| folder::load(scratch.0.join(name)).expect(name);
    let mut exported = Vec::new();
    for model in models {
        let said = scratch.succeed(&format!("export --model {model} --out {model}-pipeline"));
        assert!(said.contains(&load(model).weights.parameters().to_string()), "{said}");
        let pipeline = load(&format!("{model}-pipeline"));
        assert_same(&pipeline, &load(model));
        for file in FILES {
            assert!(scratch.0.join(format!("{model}-pipeline")).join(file).is_file(), "{model}: {file}");
        }
        let index = scratch.read(&format!("{model}-pipeline/model_index.json"));
        let index: Value = serde_json::from_slice(&index).expect("JSON");
        assert_eq!(index["unet"][1], "UNet2DModel");
        exported.push(pipeline);
    }
    assert_fails("another model", || assert_same(&exported[0], &exported[1]));

    // A packed file in f16, with what diffusers has no place for.
    scratch.write("card.json", b"{\"data\": \"random numbers\"}");
    let classes = load("classes16").unet.num_class_embeds.expect("classes");
    scratch.succeed(&format!(
        "pack --model classes16 --out packed.safetensors --card card.json --null-class {}",
        classes - 1
    ));
    scratch.succeed("export --model packed.safetensors --out packed");
    let (packed, pipeline) = (load("packed.safetensors"), load("packed"));
    assert_same(&pipeline, &packed);
    assert!(pipeline.metadata.card.is_some() && pipeline.metadata.null_class == Some(classes - 1));
    assert!(pipeline.weights.names().all(|name| pipeline.weights.precision(name) == Some(Precision::F32)));

    // Over an empty folder, and over another pipeline; its other files stay.
    std::fs::create_dir(scratch.0.join("new")).expect("made");
    scratch.succeed("export --model packed --out new/");
    assert_same(&load("new"), &packed);
    scratch.write("new/README.md", b"a note");
    scratch.succeed("export --model grey28 --out new");
    assert_same(&load("new"), &exported[0]);
    assert_eq!(scratch.read("new/README.md"), b"a note");
    let strays = scratch.files().into_iter().filter(|(path, _)| path.to_string_lossy().contains(".tmp"));
    assert_eq!(strays.count(), 0, "nothing is left beside");
}

#[test]
fn only_pipelines_are_replaced() {
    let scratch = Scratch::new("export-over", &["grey28"]);
    scratch.succeed("export --model grey28 --out pipeline");
    std::fs::create_dir(scratch.0.join("photos")).expect("made");
    scratch.write("photos/one.png", b"a picture");
    std::fs::create_dir(scratch.0.join("other")).expect("made");
    scratch.write("other/model_index.json", b"{\"_class_name\": \"StableDiffusionPipeline\"}");
    scratch.write("file", b"a file");
    assert_refused(
        &scratch,
        &[
            (2, "export --model grey28", "--out"),
            (2, "export --out new", "--model"),
            (1, "export --model grey28 --out photos", "photos: expected an empty folder"),
            (1, "export --model grey28 --out other", "other: expected an empty folder, or a DDPM pipeline"),
            (1, "export --model grey28 --out grey28", "another folder"),
            (1, "export --model pipeline --out pipeline/../pipeline/", "another folder"),
            (1, "export --model pipeline --out .", "expected an empty folder"),
            (1, "export --model grey28 --out file", "found a file"),
            (1, "export --model grey28 --out no/such/place", "no/such"),
            (1, "export --model photos --out new", "photos"),
            (1, "export --model nothing --out new", "nothing"),
        ],
    );
}
