//! `ddpm debug gradients`: PyTorch's.

use std::collections::BTreeMap;

use super::super::compare::{NETWORK_GRADIENTS, assert_close, assert_fails, assert_gradients_close};
use super::super::fixtures::{Fixture, path};
use super::bad_input::assert_refused;
use super::{Scratch, shader_adapter};

#[test]
fn gradients_follow_pytorch() {
    let models = ["cifar32", "classes16", "grey28"];
    let scratch = Scratch::new("gradients", &models);
    // The last also by shaders.
    let all = models.map(|model| (model, "cpu")).into_iter().chain([("grey28", shader_adapter())]);
    for (model, adapter) in all {
        let io = format!("unet/{model}/io.safetensors");
        std::fs::copy(path(&io), scratch.0.join("io.safetensors")).expect("a copy");
        scratch.succeed(&format!(
            "debug gradients --model {model} --input io.safetensors --output g.safetensors --adapter {adapter}"
        ));
        let (shape, loss) = scratch.tensor("g.safetensors", "loss");
        let wanted = Fixture::load(&io).f64("loss");
        assert_eq!(shape, wanted.shape, "{model}");
        assert_close(&format!("{model}, loss"), &loss, &wanted.data, 1e-5);

        let fixture = Fixture::load(&format!("unet/{model}/grads.safetensors"));
        let (mut found, mut want) = (BTreeMap::new(), BTreeMap::new());
        for name in fixture.names() {
            let wanted = fixture.f64(&name);
            let (shape, gradient) = scratch.tensor("g.safetensors", &name);
            assert_eq!(shape, wanted.shape, "{model}: {name}");
            found.insert(name.clone(), gradient);
            want.insert(name, wanted.data);
        }
        let bytes = scratch.read("g.safetensors");
        let file = safetensors::SafeTensors::deserialize(&bytes).expect("a file");
        assert_eq!(file.len(), want.len() + 1, "{model}: the gradients and the loss");
        assert_gradients_close(model, &found, &want, NETWORK_GRADIENTS);
        let mut spoilt = found;
        spoilt.get_mut("__sample__").expect("the input's").iter_mut().for_each(|g| *g *= 1.001);
        assert_fails(model, || assert_gradients_close("spoilt", &spoilt, &want, NETWORK_GRADIENTS));
    }
    scratch.write("no-target.safetensors", &scratch.read("grey28/diffusion_pytorch_model.safetensors"));
    let line = |input: &str, model: &str| {
        format!("debug gradients --model {model} --input {input} --output out.safetensors")
    };
    // grey28's tensors are the last copied.
    assert_refused(
        &scratch,
        &[
            (1, &line("no-target.safetensors", "grey28"), "sample"),
            (1, &line("io.safetensors", "cifar32"), "3 channels"),
            (1, &line("io.safetensors", "nothing"), "nothing"),
            (2, "debug gradients --model grey28 --input io.safetensors", "--output"),
        ],
    );
}
