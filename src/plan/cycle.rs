//! Cycles in a graph of needs: of each tangle, one shortest cycle.
//!
//! Knows nothing of tickets: nodes are numbers.

use std::collections::VecDeque;

use crate::plan::lists::Lists;

/// In a tangle where a search from every node would take more steps than this, only its first node is searched from:
/// the cycle named is then a shortest one through that node.
const MOST_STEPS: usize = 4_000_000;

const UNSEEN: u32 = u32::MAX;

/// For each strongly connected component of more than one node, a shortest cycle, beginning with its least node.
/// Edges from a node to itself are not looked at.
pub(super) fn cycles(edges: &Lists<u32>, nodes: usize) -> Vec<Vec<u32>> {
    let tangles = tangles(edges, nodes);
    let mut tangle_of = vec![UNSEEN; nodes];
    for (number, tangle) in (0_u32..).zip(&tangles) {
        for node in tangle {
            tangle_of[*node as usize] = number;
        }
    }
    let mut cycles: Vec<Vec<u32>> = tangles.iter().map(|tangle| shortest(edges, tangle, &tangle_of)).collect();
    cycles.sort_unstable();
    cycles
}

fn shortest(edges: &Lists<u32>, tangle: &[u32], tangle_of: &[u32]) -> Vec<u32> {
    let size: usize = tangle.iter().map(|node| edges.list(*node as usize).len() + 1).sum();
    let from = if size.saturating_mul(tangle.len()) > MOST_STEPS { &tangle[..1] } else { tangle };
    let mut reached = vec![UNSEEN; tangle_of.len()];
    let mut best: Option<Vec<u32>> = None;
    for start in from {
        let cycle = cycle_through(*start, edges, tangle_of, &mut reached);
        if best.as_ref().is_none_or(|best| cycle.len() < best.len()) {
            best = Some(cycle);
        }
        for node in tangle {
            reached[*node as usize] = UNSEEN;
        }
    }
    let mut cycle = best.unwrap_or_default();
    let least = cycle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
    cycle.rotate_left(least);
    cycle
}

/// A shortest cycle through `start`, breadth first; `reached` holds from where each node was reached.
fn cycle_through(start: u32, edges: &Lists<u32>, tangle_of: &[u32], reached: &mut [u32]) -> Vec<u32> {
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for next in edges.list(node as usize) {
            let inside = tangle_of[*next as usize] == tangle_of[start as usize];
            if *next == start && node != start {
                return path_back(node, start, reached);
            }
            if inside && *next != start && reached[*next as usize] == UNSEEN {
                reached[*next as usize] = node;
                queue.push_back(*next);
            }
        }
    }
    unreachable!("BUG: a tangle has a cycle through each of its nodes")
}

fn path_back(mut node: u32, start: u32, reached: &[u32]) -> Vec<u32> {
    let mut path = vec![node];
    while node != start {
        node = reached[node as usize];
        path.push(node);
    }
    path.reverse();
    path
}

/// Tarjan's strongly connected components of more than one node, each sorted; no recursion, so that a chain of a
/// hundred thousand is no danger. (R. Tarjan, Depth-first search and linear graph algorithms, 1972.)
fn tangles(edges: &Lists<u32>, nodes: usize) -> Vec<Vec<u32>> {
    let mut walk =
        Walk { number: vec![UNSEEN; nodes], low: vec![0; nodes], open: Vec::new(), is_open: vec![false; nodes] };
    let mut next_number = 0;
    let mut found = Vec::new();
    let mut path: Vec<(u32, usize)> = Vec::new();
    for root in 0..nodes {
        if walk.number[root] == UNSEEN {
            path.push((u32::try_from(root).expect("nodes are numbered by u32"), 0));
        }
        while let Some((node, edge)) = path.last_mut() {
            let at = *node as usize;
            if *edge == 0 {
                walk.enter(*node, next_number);
                next_number += 1;
            }
            let Some(next) = edges.list(at).get(*edge).copied() else {
                let low = walk.low[at];
                found.extend(walk.leave(*node));
                path.pop();
                if let Some((parent, _)) = path.last() {
                    let parent = *parent as usize;
                    walk.low[parent] = walk.low[parent].min(low);
                }
                continue;
            };
            *edge += 1;
            if walk.number[next as usize] == UNSEEN {
                path.push((next, 0));
            } else if walk.is_open[next as usize] {
                walk.low[at] = walk.low[at].min(walk.number[next as usize]);
            }
        }
    }
    found
}

struct Walk {
    number: Vec<u32>,
    low: Vec<u32>,
    open: Vec<u32>,
    is_open: Vec<bool>,
}

impl Walk {
    fn enter(&mut self, node: u32, number: u32) {
        let at = node as usize;
        if self.number[at] != UNSEEN {
            return;
        }
        self.number[at] = number;
        self.low[at] = number;
        self.open.push(node);
        self.is_open[at] = true;
    }

    /// The component that `node` is the root of, if it is one of more than one node.
    fn leave(&mut self, node: u32) -> Option<Vec<u32>> {
        if self.low[node as usize] != self.number[node as usize] {
            return None;
        }
        let from = self.open.iter().rposition(|open| *open == node)?;
        let mut component = self.open.split_off(from);
        for node in &component {
            self.is_open[*node as usize] = false;
        }
        component.sort_unstable();
        (component.len() > 1).then_some(component)
    }
}
