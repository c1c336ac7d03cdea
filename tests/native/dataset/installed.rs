//! The data set that Debian installs (package dataset-fashion-mnist), found by its name.

use ddpm::dataset::files::{LoadOptions, Source, Split};

use super::read;

#[test]
fn fashion_mnist_is_found_and_whole() {
    for (split, count, labels) in [
        (Split::Train, 60_000, [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]),
        (Split::Test, 10_000, [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]),
    ] {
        let options = LoadOptions { split, ..Default::default() };
        let dataset = read(&Source::FashionMnist, &options).expect("Fashion-MNIST is installed").dataset;
        assert_eq!((dataset.num_pictures(), dataset.shape()), (count, [1, 28, 28]));
        let found = dataset.labels().expect("labels");
        assert_eq!(found[..10], labels);
        for class in 0..10 {
            let pictures = found.iter().filter(|&&label| label == class).count();
            assert_eq!(pictures, count as usize / 10, "class {class}");
        }
        // The corners are background.
        let black = (0..count).filter(|&ix| dataset.picture(ix)[0] == 0).count();
        assert!(black > count as usize * 99 / 100, "{black} of {count}");
    }
}
