package kafkafleet;

import java.security.Provider;

/** Tells Java's SASL where our PLAIN is. */
public final class PlainUsersProvider extends Provider {
    private static final long serialVersionUID = 1L;

    // The constructor with a text as version exists from Java 9 on only.
    @SuppressWarnings("deprecation")
    PlainUsersProvider() {
        super("KafkaFleetPlainUsers", 1.0, "SASL/PLAIN with users in a file");
        put("SaslServerFactory.PLAIN", PlainUsersServerFactory.class.getName());
    }
}
