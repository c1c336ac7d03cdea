//! The variational bound on the GPU, and what is made of its terms.

mod bound;
mod frechet;
mod neighbours;
mod table;
mod whole;
