//! One sample of a tensor, in f64.

/// One sample of a tensor: [height · width, channels], channels last and without padding.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub data: Vec<f64>,
}

impl Activation {
    /// All zeros.
    pub fn zeros([height, width]: [usize; 2], channels: usize) -> Self {
        Self { height, width, channels, data: vec![0.0; height * width * channels] }
    }

    /// An embedding: one pixel.
    pub fn embedding(data: Vec<f64>) -> Self {
        Self { height: 1, width: 1, channels: data.len(), data }
    }

    /// From a picture at a public edge; `planes`: [C, H, W].
    pub fn from_planes<P>([height, width]: [usize; 2], channels: usize, planes: &[P]) -> Self
    where
        P: Copy + Into<f64>,
    {
        let pixels = height * width;
        assert_eq!(planes.len(), channels * pixels, "{channels} planes of {height} × {width}");
        let mut picture = Self::zeros([height, width], channels);
        for pixel in 0..pixels {
            for c in 0..channels {
                picture.data[pixel * channels + c] = planes[c * pixels + pixel].into();
            }
        }
        picture
    }

    /// As a picture at a public edge: [C, H, W].
    pub fn to_planes(&self) -> Vec<f64> {
        let pixels = self.height * self.width;
        (0..self.channels).flat_map(|c| (0..pixels).map(move |p| self.data[p * self.channels + c])).collect()
    }

    /// The channels of one pixel.
    pub fn pixel(&self, pixel: usize) -> &[f64] {
        &self.data[pixel * self.channels..][..self.channels]
    }

    /// The channels of one pixel.
    pub fn pixel_mut(&mut self, pixel: usize) -> &mut [f64] {
        &mut self.data[pixel * self.channels..][..self.channels]
    }

    /// Adds `other`, element by element.
    pub fn add(&mut self, other: &Self) {
        self.assert_same_shape(other);
        self.data.iter_mut().zip(&other.data).for_each(|(to, value)| *to += value);
    }

    /// Multiplies by `other`, element by element.
    pub fn multiply(&mut self, other: &Self) {
        self.assert_same_shape(other);
        self.data.iter_mut().zip(&other.data).for_each(|(to, value)| *to *= value);
    }

    fn assert_same_shape(&self, other: &Self) {
        let shape = |a: &Self| [a.height, a.width, a.channels];
        assert_eq!(shape(self), shape(other), "shapes differ");
    }

    /// The channels of `parts` side by side.
    pub fn concatenation(parts: &[&Self]) -> Self {
        let size = [parts[0].height, parts[0].width];
        assert!(parts.iter().all(|part| [part.height, part.width] == size), "parts of different sizes");
        let mut whole = Self::zeros(size, parts.iter().map(|part| part.channels).sum());
        whole.data.clear();
        for pixel in 0..size[0] * size[1] {
            whole.data.extend(parts.iter().flat_map(|part| part.pixel(pixel)));
        }
        whole
    }

    /// The inverse of [`concatenation`](Self::concatenation): as many channels to each part as `widths` says.
    pub fn parts(&self, widths: &[usize]) -> Vec<Self> {
        assert_eq!(widths.iter().sum::<usize>(), self.channels, "channels of all parts");
        let mut first = 0;
        let part = |&width: &usize| {
            let mut part = Self::zeros([self.height, self.width], width);
            for pixel in 0..self.height * self.width {
                part.pixel_mut(pixel).copy_from_slice(&self.pixel(pixel)[first..][..width]);
            }
            first += width;
            part
        };
        widths.iter().map(part).collect()
    }
}

#[test]
fn planes_and_channels_last_are_the_same_picture() {
    let planes: Vec<f32> = (0..2 * 3 * 5).map(|i| i as f32).collect();
    let picture = Activation::from_planes([3, 5], 2, &planes);
    assert_eq!(picture.pixel(4), [4.0, 19.0]);
    assert_eq!(picture.to_planes(), (0..30).map(f64::from).collect::<Vec<_>>());
    let twice = Activation::concatenation(&[&picture, &picture]);
    assert_eq!((twice.channels, twice.pixel(4)), (4, [4.0, 19.0, 4.0, 19.0].as_slice()));
    assert_eq!(twice.parts(&[2, 2]), [picture.clone(), picture]);
    assert_eq!(twice.parts(&[1, 3])[1].pixel(4), [19.0, 4.0, 19.0]);
}
