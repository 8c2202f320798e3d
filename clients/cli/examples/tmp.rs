//! tmp
use clap::Parser;
#[derive(Parser)]
#[command(name = "tidemill")]
struct C {
    #[command(subcommand)]
    c: S,
}
#[derive(clap::Subcommand)]
enum S {
    /// dev
    Demo { url: String },
    #[command(flatten)]
    Client(tidemill_cli::ClientCommand),
}
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let c = C::parse();
    let code = match c.c {
        S::Demo { url } => match tidemill_cli::demo::demo(&url, &mut std::io::stdout()).await {
            Ok(()) => 0,
            Err(e) => {
                eprintln!("{e}");
                e.exit_code()
            }
        },
        S::Client(c) => c.run().await,
    };
    std::process::exit(code.into())
}
