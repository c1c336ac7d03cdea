//! The order of the data.

use ddpm::dataset::order::{BatchOrder, Item, epoch_order};

use super::super::compare::assert_fails;

/// The answers are those of a Philox and a shuffle written in Python from the documentation of `order`.
#[test]
fn the_order_is_the_documented_one() {
    assert_eq!(epoch_order(7, 0, 10), [8, 1, 6, 2, 9, 5, 3, 7, 4, 0]);
    assert_eq!(epoch_order(7, 3, 10), [2, 5, 6, 9, 8, 4, 0, 1, 7, 3]);
    assert_eq!(epoch_order((1 << 40) + 9, 0, 10), [7, 9, 3, 1, 2, 0, 8, 5, 6, 4]);
    assert_eq!(epoch_order(7, 0, 1), [0]);

    let mut order = BatchOrder::new(7, 10, true);
    let third: Vec<Item> = (30..40).map(|s| order.item(s)).collect();
    assert_eq!(third.iter().map(|item| item.picture_ix).collect::<Vec<_>>(), epoch_order(7, 3, 10));
    let mirrored: Vec<u32> = third.iter().map(|item| item.mirrored.into()).collect();
    assert_eq!(mirrored, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn an_epoch_shows_every_picture_once() {
    let assert_permutation = |order: &[u32]| {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..order.len() as u32).collect::<Vec<_>>());
    };
    for num_pictures in [1, 2, 3, 5, 1000] {
        for epoch in [0, 1, u32::MAX] {
            assert_permutation(&epoch_order(3, epoch, num_pictures));
        }
    }
    assert_fails("a picture twice", || assert_permutation(&[0, 2, 2]));
    let order = epoch_order(3, 0, 1000);
    assert_ne!(order, epoch_order(3, 1, 1000), "another epoch");
    assert_ne!(order, epoch_order(4, 0, 1000), "another seed");
    assert_ne!(order, epoch_order(3 + (1 << 32), 0, 1000), "another seed's high word");
}

#[test]
fn an_item_is_a_function_of_the_sample() {
    for num_pictures in [1, 7, 40] {
        let items = |samples: &mut dyn Iterator<Item = u32>| {
            let mut order = BatchOrder::new(11, num_pictures, true);
            samples.map(|s| order.item(s)).collect::<Vec<_>>()
        };
        let forwards = items(&mut (0..200));
        let mut backwards = items(&mut (0..200).rev());
        backwards.reverse();
        assert_eq!(forwards, backwards);
        for s in [0, 39, 40, 41, 199] {
            assert_eq!(items(&mut std::iter::once(s)), [forwards[s as usize]], "resumed at {s}");
        }
        let mut unmirrored = BatchOrder::new(11, num_pictures, false);
        for (s, item) in (0..).zip(&forwards) {
            assert_eq!(unmirrored.item(s), Item { mirrored: false, ..*item }, "mirroring moves no picture");
        }
    }
    // The last samples of all.
    BatchOrder::new(11, 3, true).item(u32::MAX);
    let mut order = BatchOrder::new(11, 1000, true);
    let mirrored = (0..10_000).filter(|&s| order.item(s).mirrored).count();
    assert!((4_800..5_200).contains(&mirrored), "{mirrored} of 10,000");
}

/// χ² of how often each of 5 pictures is at each of 5 places, in 4000 epochs; 16 degrees of freedom: more than 39.3 once in
/// a thousand times.
#[test]
fn every_picture_is_as_likely_at_every_place() {
    let assert_fair = |order: fn(u32) -> Vec<u32>| {
        let mut counts = [0u32; 25];
        for epoch in 0..4000 {
            for (place, picture) in order(epoch).into_iter().enumerate() {
                counts[place * 5 + picture as usize] += 1;
            }
        }
        let chi2: f64 = counts.iter().map(|&count| (f64::from(count) - 800.0).powi(2) / 800.0).sum();
        assert!(chi2 < 39.3, "{chi2}: {counts:?}");
    };
    assert_fair(|epoch| epoch_order(5, epoch, 5));
    // Sattolo's mistake, j < i instead of j <= i, never leaves a picture where it was.
    assert_fails("Sattolo's", || {
        assert_fair(|epoch| {
            let mut order: Vec<u32> = (0..5).collect();
            for (i, j) in (1..5).rev().zip(epoch_order(5, epoch, 5)) {
                order.swap(i, j as usize % i);
            }
            order
        });
    });
}
