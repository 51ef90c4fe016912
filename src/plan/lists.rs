//! Many short lists in two arrays: the graph's edges, the users of a pattern.
//!
//! Knows nothing of what is listed.

/// For each of n owners, a list of items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists<T> {
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy> Lists<T> {
    /// The lists of `owners` owners from (owner, item) pairs; each list keeps the pairs' order.
    pub(super) fn of(owners: usize, pairs: &[(u32, T)]) -> Self {
        let mut starts = vec![0_u32; owners + 1];
        for (owner, _) in pairs {
            starts[*owner as usize + 1] += 1;
        }
        for owner in 0..owners {
            starts[owner + 1] += starts[owner];
        }
        let mut next = starts.clone();
        let mut order = vec![0_usize; pairs.len()];
        for (at, (owner, _)) in pairs.iter().enumerate() {
            let place = &mut next[*owner as usize];
            order[*place as usize] = at;
            *place += 1;
        }
        Self { starts, items: order.into_iter().map(|at| pairs[at].1).collect() }
    }

    pub(super) fn list(&self, owner: usize) -> &[T] {
        &self.items[self.starts[owner] as usize..self.starts[owner + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_owner_has_its_items_in_the_order_given() {
        let lists = Lists::of(4, &[(2, 'a'), (0, 'b'), (2, 'c'), (3, 'd')]);
        let all: Vec<&[char]> = (0..4).map(|owner| lists.list(owner)).collect();
        assert_eq!(all, [&['b'][..], &[], &['a', 'c'], &['d']]);
    }
}
