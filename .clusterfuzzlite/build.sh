#!/bin/bash -eu
# Builds every fuzz target into $OUT, with its seeds and its dictionary under the names that ClusterFuzzLite and OSS-Fuzz look
# for. Both of them run this in their own image, which has nightly, cargo-fuzz and zip, and set SRC, OUT and SANITIZER.

cd "$SRC/fullduplex"

# The asserts of the targets say most of what is to be found, and those for debugging in the libraries say more.
cargo fuzz build --fuzz-dir fuzz -O --debug-assertions

programs=fuzz/target/x86_64-unknown-linux-gnu/release
for source in fuzz/fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    cp "$programs/$target" "$OUT/"
    if [[ -d fuzz/seeds/$target ]]; then
        # A new archive, for zip adds to one that is there.
        rm -f "$OUT/${target}_seed_corpus.zip"
        zip -q -j -r "$OUT/${target}_seed_corpus.zip" "fuzz/seeds/$target"
    fi
    if [[ -f fuzz/dictionaries/$target.dict ]]; then
        cp "fuzz/dictionaries/$target.dict" "$OUT/"
    fi
done
