package dev.tidemill.client;

/** What is wrong between the client and the server about TLS. */
public enum TlsProblem {
    /** The server's certificate is not trusted, or not for this address. */
    UNTRUSTED(
            "the server's certificate is not trusted for this address: name the authority that"
                    + " signed it, or the right host"),
    /** The server does not speak TLS. */
    NOT_SPOKEN("the server does not speak TLS: use http://"),
    /** The server seems to speak nothing else. */
    REQUIRED("if the server speaks TLS, use https://"),
    /** The server asks for a certificate of the client. */
    CERTIFICATE_REQUIRED("the server asks for a client certificate: set Tls.identity");

    private final String hint;

    TlsProblem(String hint) {
        this.hint = hint;
    }

    /** What to do about it. */
    public String hint() {
        return hint;
    }
}
