//! Debug.
use fullduplex_simulate::*;
fn main() {
    let mut setup = Setup::plain(World::Tokio);
    setup.client.max_frame = 2048;
    println!(
        "{:?}",
        replay(&setup, &[Step::App(0, Side::Server, Act::Send(Kind::Binary, 2049, How::Owned))])
    );
    setup.client.max_frame = 3048;
    println!(
        "{:?}",
        replay(&setup, &[Step::App(0, Side::Server, Act::Send(Kind::Binary, 2049, How::Owned))])
    );
    setup.client.max_frame = 300;
    println!(
        "{:?}",
        replay(&setup, &[Step::App(0, Side::Server, Act::Send(Kind::Binary, 349, How::Owned))])
    );
}
