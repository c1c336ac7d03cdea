//! Folders that lack something, and writing that leaves nothing half done.

use std::collections::BTreeMap;
use std::fs;

use ddpm::checkpoint::{Precision, Weights, atomic, folder};

use super::{Scratch, assert_refused, fixture};

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

#[test]
fn a_bare_folder_with_its_index_loads() {
    let scratch = Scratch::new("bare_folder");
    let checkpoint = folder::load(fixture("grey28")).unwrap();
    folder::save(&checkpoint, scratch.path("pipeline"), Precision::F32).unwrap();
    let (from, to) = (scratch.path("pipeline"), scratch.path("bare"));
    fs::create_dir(&to).unwrap();
    fs::copy(from.join("unet/config.json"), to.join("config.json")).unwrap();
    fs::copy(from.join("unet").join(WEIGHTS), to.join(WEIGHTS)).unwrap();
    fs::copy(from.join("model_index.json"), to.join("model_index.json")).unwrap();
    fs::write(to.join("scheduler_config.json"), r#"{"num_train_timesteps": 500}"#).unwrap();
    let bare = folder::load(&to).unwrap();
    assert_eq!(bare.diffusion.num_timesteps, 500);
    assert_eq!(bare.unet, checkpoint.unet);
}

#[test]
fn what_a_folder_lacks_is_named() {
    let scratch = Scratch::new("folder_lacks");
    let at = |name: &str| scratch.path(name);
    assert_refused(folder::load(at("nothing")), &["nothing", "cannot be read"]);
    assert_refused(folder::load(at("")), &["unet/config.json or config.json", "neither"]);

    fs::copy(fixture("grey28").join("config.json"), at("config.json")).unwrap();
    assert_refused(folder::load(at("")), &[WEIGHTS, "found no weights"]);
    fs::write(at("diffusion_pytorch_model.safetensors.index.json"), "{}").unwrap();
    assert_refused(folder::load(at("")), &["sharded", "python -c", "UNet2DModel"]);
    fs::remove_file(at("diffusion_pytorch_model.safetensors.index.json")).unwrap();
    fs::write(at("diffusion_pytorch_model.bin"), "pickle").unwrap();
    assert_refused(
        folder::load(at("")),
        &["diffusion_pytorch_model.bin", "python -c", "UNet2DModel", "save_pretrained"],
    );
    assert_refused(folder::load(at("diffusion_pytorch_model.bin")), &["pickled", "python -c", "UNet2DModel"]);
    fs::create_dir(at("unet")).unwrap();
    fs::rename(at("config.json"), at("unet/config.json")).unwrap();
    fs::rename(at("diffusion_pytorch_model.bin"), at("unet/diffusion_pytorch_model.bin")).unwrap();
    assert_refused(folder::load(at("")), &["diffusion_pytorch_model.bin", "python -c", "DDPMPipeline"]);

    fs::write(at("unet").join(WEIGHTS), "short").unwrap();
    assert_refused(folder::load(at("")), &["unet", WEIGHTS, "expected", "found 5 bytes"]);
    fs::create_dir(at("scheduler")).unwrap();
    fs::write(at("scheduler/scheduler_config.json"), r#"{"thresholding": true}"#).unwrap();
    assert_refused(folder::load(at("")), &["scheduler_config.json: thresholding"]);
    fs::write(at("unet/config.json"), r#"{"act_fn": "mish"}"#).unwrap();
    assert_refused(folder::load(at("")), &["config.json: act_fn", "mish"]);
    fs::write(at("unet/config.json"), vec![b' '; 2 << 20]).unwrap();
    assert_refused(folder::load(at("")), &["config.json", "2097152"]);
    fs::write(at("unet/config.json"), b"\xff").unwrap();
    assert_refused(folder::load(at("")), &["config.json", "UTF-8"]);
    fs::write(at("model_index.json"), r#"{"_class_name": "LDMPipeline"}"#).unwrap();
    assert_refused(folder::load(at("")), &["model_index.json: _class_name", "DDPMPipeline", "LDMPipeline"]);
}

#[test]
fn a_pipeline_folder_is_whole_and_alone() {
    let scratch = Scratch::new("whole_and_alone");
    let checkpoint = folder::load(fixture("classes16")).unwrap();
    let expected = [
        "a",
        "a/b",
        "a/b/model_index.json",
        "a/b/scheduler",
        "a/b/scheduler/scheduler_config.json",
        "a/b/unet",
        "a/b/unet/config.json",
        "a/b/unet/diffusion_pytorch_model.safetensors",
    ];
    for _ in 0..2 {
        folder::save(&checkpoint, scratch.path("a/b"), Precision::F16).unwrap();
        assert_eq!(scratch.listing(), expected);
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let scratch = Scratch::new("nothing_behind");
    let mut checkpoint = folder::load(fixture("grey28")).unwrap();

    // A file where a folder should be, and a folder where a file should be.
    fs::write(scratch.path("file"), "x").unwrap();
    assert_refused(folder::save(&checkpoint, scratch.path("file"), Precision::F32), &["file/unet"]);
    assert_refused(
        folder::save_file(&checkpoint, scratch.path("file/m"), Precision::F32),
        &["file/m", "cannot be written"],
    );
    fs::create_dir_all(scratch.path("taken/model_index.json")).unwrap();
    let taken = folder::save(&checkpoint, scratch.path("taken"), Precision::F32);
    assert_refused(taken, &["model_index.json", "found a folder"]);
    assert_refused(
        folder::save_file(&checkpoint, scratch.path("taken"), Precision::F32),
        &["taken", "found a folder"],
    );
    assert_refused(atomic::write(scratch.path("no/such"), b""), &["no/such", "cannot be written"]);
    assert_refused(atomic::write("..", b""), &["expected the name of a file"]);

    // Weights that f16 cannot hold.
    let tensors = BTreeMap::from([("a".to_owned(), (vec![1], vec![1e6f32]))]);
    checkpoint.weights = Weights::from_f32(tensors).unwrap();
    assert_refused(
        folder::save(&checkpoint, scratch.path("half"), Precision::F16),
        &["half", "tensor a", "1000000"],
    );
    assert_refused(
        folder::save_file(&checkpoint, scratch.path("h.st"), Precision::F16),
        &["h.st", "tensor a"],
    );

    assert_eq!(scratch.listing(), ["file", "taken", "taken/model_index.json"]);
    assert_eq!(fs::read(scratch.path("file")).unwrap(), b"x");
}

#[test]
fn a_file_is_replaced_whole() {
    let scratch = Scratch::new("replaced_whole");
    for text in ["first", "the second"] {
        atomic::write(scratch.path("file"), text.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(scratch.path("file")).unwrap(), text);
    }
    assert_eq!(scratch.listing(), ["file"]);
}
