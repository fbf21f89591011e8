//! A heap that the compiler knows nothing about.

use core::alloc::{GlobalAlloc, Layout};

use crate::support::{hidden, seen};

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: this is linked and never run. Its results could be anything, so the compiler keeps every check.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        seen(layout);
        hidden(core::ptr::null_mut())
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        seen((place, layout));
    }
}
