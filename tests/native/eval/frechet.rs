//! The Fréchet distance: against numpy and scipy, in closed form, and by networks that PyTorch has written and computed.

use ddpm::dataset::files::PictureSet;
use ddpm::error::Result;
use ddpm::eval::frechet::{FeatureNetwork, Gaussian, Moments, ValueRange, distance, measure};

use super::super::compare::{assert_fails, assert_max_abs, max_abs};
use super::super::fixtures::{Fixture, path};
use super::super::scratch::Scratch;

fn moments(features: &[f32], dimension: usize, part: usize) -> Moments {
    let mut moments = Moments::new(dimension);
    features.chunks(part * dimension).for_each(|part| moments.push(part));
    moments
}

/// Relative to `want`.
fn assert_near(found: f64, want: f64, allowed: f64) {
    assert!((found - want).abs() <= allowed * want.abs(), "{found}, expected {want}");
}

#[test]
fn moments_and_distances_are_numpys_and_scipys() {
    let fixture = Fixture::load("onnx/found.safetensors");
    let [a, b] = ["a", "b"].map(|name| fixture.f32(name).data);
    // The mean is 1000 times the deviation: what cancelled would be seen.
    for part in [1, 7, 70] {
        let found = moments(&a, 9, part).gaussian().expect("enough");
        for (found, name) in [(found.mean(), "mean"), (found.covariance(), "covariance")] {
            let want = fixture.f64(name).data;
            let furthest = found.iter().zip(&want).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
            assert!(furthest < 1e-9, "{name} in parts of {part}: {furthest}");
        }
    }
    let [a, b] = [a, b].map(|features| moments(&features, 9, 8).gaussian().expect("enough"));
    let want = fixture.f64("distance").data[0];
    assert_near(distance(&a, &b).expect("a distance"), want, 1e-9);
    assert_near(distance(&b, &a).expect("a distance"), want, 1e-9);
    assert_fails("another covariance", || {
        let mut covariance = b.covariance().to_vec();
        covariance[0] *= 1.0 + 1e-6;
        let spoilt = Gaussian::new(b.mean(), &covariance).expect("a Gaussian");
        assert_near(distance(&a, &spoilt).expect("a distance"), want, 1e-9);
    });
}

#[test]
fn fewer_pictures_than_features_have_a_distance() {
    let fixture = Fixture::load("onnx/found.safetensors");
    let [a, b] =
        ["few_a", "few_b"].map(|name| moments(&fixture.f32(name).data, 12, 3).gaussian().expect("enough"));
    let want = fixture.f64("few_distance").data[0];
    // The roots of eigenvalues that are 0 but for rounding, about 1e-8 each.
    assert_near(distance(&a, &b).expect("a distance"), want, 1e-7);
    assert_near(distance(&b, &a).expect("a distance"), want, 1e-7);
    for same in [&a, &b] {
        let found = distance(same, same).expect("a distance");
        assert!(found < 1e-6, "{found} of identical sets");
    }
}

#[test]
fn gaussians_have_their_distance_in_closed_form() {
    // Σ₁ and Σ₂ that commute: |Δμ|² + Σ (σ₁ − σ₂)², here turned by 0.6 and 0.8.
    let turned = |[first, second]: [f64; 2]| {
        let (c, s) = (0.6, 0.8);
        let mixed = c * s * (first - second);
        [c * c * first + s * s * second, mixed, mixed, s * s * first + c * c * second]
    };
    let a = Gaussian::new(&[1.0, -2.0], &turned([4.0, 9.0])).expect("a Gaussian");
    let b = Gaussian::new(&[4.0, 2.0], &turned([1.0, 25.0])).expect("a Gaussian");
    assert_near(distance(&a, &b).expect("a distance"), 25.0 + 1.0 + 4.0, 1e-12);
    let line = Gaussian::new(&[1.0, -2.0], &turned([4.0, 0.0])).expect("a Gaussian");
    assert_near(distance(&line, &b).expect("a distance"), 25.0 + 1.0 + 25.0, 1e-12);
    assert_near(distance(&b, &line).expect("a distance"), 25.0 + 1.0 + 25.0, 1e-7);
    let point = Gaussian::new(&[1.0, -2.0], &[0.0; 4]).expect("a Gaussian");
    assert_near(distance(&point, &b).expect("a distance"), 25.0 + 26.0, 1e-12);
    assert_near(distance(&b, &point).expect("a distance"), 25.0 + 26.0, 1e-12);
    assert_eq!(distance(&point, &point).expect("a distance"), 0.0);
    let one = |mean: f64, variance: f64| Gaussian::new(&[mean], &[variance]).expect("a Gaussian");
    assert_near(distance(&one(0.0, 1.0), &one(2.0, 4.0)).expect("a distance"), 5.0, 1e-12);

    assert!(distance(&a, &one(0.0, 1.0)).expect_err("2 and 1").to_string().contains("found one of 1"));
    assert!(Gaussian::new(&[1.0], &[f64::NAN]).is_err() && Gaussian::new(&[1.0], &[1.0; 2]).is_err());
    let alone = moments(&[1.0, 2.0], 2, 1).gaussian().expect_err("one").to_string();
    assert!(alone.contains("2 pictures at least, found 1"), "{alone}");
}

fn network(name: &str, range: ValueRange) -> Result<FeatureNetwork> {
    FeatureNetwork::load(&path("onnx").join(name), range)
}

/// The fixture's pictures: `[5, 12, 10, 3]`.
fn pictures() -> Vec<u8> {
    let bytes = std::fs::read(path("onnx/found.safetensors")).expect("read");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("tensors");
    file.tensor("pictures").expect("pictures").data().to_vec()
}

#[test]
fn networks_find_what_pytorch_finds() {
    let fixture = Fixture::load("onnx/found.safetensors");
    let pictures = pictures();
    let rows = [
        ("dynamic.onnx", ValueRange::Unit, "dynamic"),
        ("fixed.onnx", ValueRange::Bytes, "fixed_bytes"),
        ("fixed.onnx", ValueRange::Unit, "fixed_unit"),
        ("fixed.onnx", ValueRange::Signed, "fixed_signed"),
        ("fixed.onnx", ValueRange::ImageNet, "fixed_imagenet"),
        ("grey.onnx", ValueRange::Unit, "grey"),
    ];
    for (file, range, name) in rows {
        let network = network(file, range).expect(file);
        let found: Vec<f32> = pictures
            .chunks(network.batch().min(3) * 360)
            .flat_map(|batch| network.features(batch, [12, 10]).expect(file))
            .collect();
        let want = fixture.f32(name);
        assert_eq!(want.shape, [5, 6], "{name}");
        // What 0 to 255 makes of rounding is 255 times as large.
        let allowed = if name == "fixed_bytes" { 1e-3 } else { 1e-5 };
        assert_max_abs(name, &found, &want.data, allowed);
    }
    let network = network("fixed.onnx", ValueRange::Signed).expect("a network");
    assert_eq!(network.batch(), 2);
    let signed = network.features(&pictures[..720], [12, 10]).expect("features");
    assert!(max_abs(&signed, &fixture.f32("fixed_unit").data[..12]) > 1e-3, "the range says nothing");
}

#[test]
fn files_that_are_no_feature_networks_are_refused() {
    let scratch = Scratch::new("no-networks");
    let refused = |network: Result<FeatureNetwork>, words: &str| {
        let error = network.err().expect("no network").to_string();
        assert!(error.contains(words), "{words:?} in {error}");
    };
    refused(network("two_inputs.onnx", ValueRange::Unit), "found 2 and 1");
    refused(network("bytes.onnx", ValueRange::Unit), "[N, 3, H, W]");
    refused(network("flat.onnx", ValueRange::Unit), "found one of [1, 48]");
    refused(network("found.safetensors", ValueRange::Unit), ".onnx");
    refused(network("none.onnx", ValueRange::Unit), "none.onnx: cannot be read");
    let whole = std::fs::read(path("onnx/fixed.onnx")).expect("read");
    let written = scratch.path("bad.onnx");
    for length in (0..whole.len()).step_by(whole.len() / 40) {
        std::fs::write(&written, &whole[..length]).expect("written");
        refused(
            FeatureNetwork::load(&written, ValueRange::Unit),
            "bad.onnx: expected a network as an ONNX file",
        );
    }
    for junk in [
        b"{\"not\": \"ONNX\"}".as_slice(),
        &[0xff; 300],
        &std::fs::read(path("onnx/numpy.npz")).expect("read"),
    ] {
        std::fs::write(&written, junk).expect("written");
        refused(FeatureNetwork::load(&written, ValueRange::Unit), "an ONNX file");
    }
}

#[test]
fn sets_of_every_kind_have_the_same_moments() {
    let scratch = Scratch::new("sets");
    let fixture = Fixture::load("onnx/found.safetensors");
    for (ix, picture) in pictures().chunks_exact(360).enumerate() {
        let image = image::RgbImage::from_raw(10, 12, picture.to_vec()).expect("a picture");
        image.save(scratch.path(&format!("{ix:03}.png"))).expect("saved");
    }
    let network = network("dynamic.onnx", ValueRange::Unit).expect("a network");
    let folder = scratch.path("").display().to_string();
    let npz = path("onnx/numpy.npz").display().to_string();
    let features = fixture.f32("dynamic").data;
    for (name, count) in [(&folder, 5), (&npz, 5), (&npz, 3)] {
        let set = PictureSet::open(name, None).expect(name);
        assert_eq!((set.count(), set.size()), (5, [12, 10]), "{name}");
        let mut heard = Vec::new();
        let found = measure(&network, &set, count, &mut |done| heard.push(done)).expect(name);
        assert_eq!((found.count(), heard), (count, vec![count]), "{name}");
        let (found, want) =
            (found.gaussian().expect("enough"), moments(&features[..6 * count as usize], 6, 1).gaussian());
        let want = want.expect("enough");
        let both = |gaussian: &Gaussian| [gaussian.mean(), gaussian.covariance()].concat();
        let furthest = both(&found).iter().zip(both(&want)).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(furthest < 1e-5, "{name}: {furthest}");
    }
    image::GrayImage::new(9, 12).save(scratch.path("more.png")).expect("saved");
    let set = PictureSet::open(&folder, None).expect("a set");
    let Err(error) = measure(&network, &set, 6, &mut |_| {}) else { panic!("another size was taken") };
    let error = error.to_string();
    assert!(error.contains("more.png: expected 10 x 12 pixels") && error.contains("found 9 x 12"), "{error}");
}
