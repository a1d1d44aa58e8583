package kafkafleet;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import javax.security.sasl.SaslException;
import javax.security.sasl.SaslServer;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One login by PLAIN (RFC 4616): the client's only message is
 * {@code [authorization id] NUL name NUL password}.
 */
final class PlainUsersServer implements SaslServer {
    static final String MECHANISM = "PLAIN";

    private static final Logger LOG = LoggerFactory.getLogger(PlainUsersServer.class);
    private static final String FAILED = "Authentication failed: ";
    private static final int LONGEST_MESSAGE = 1024;
    private static final byte[] NOTHING_MORE = new byte[0];

    private final PlainUsers users;
    private String user;

    PlainUsersServer(PlainUsers users) {
        this.users = users;
    }

    @Override
    public byte[] evaluateResponse(byte[] response) throws SaslException {
        String[] parts = split(response);
        if (!parts[0].isEmpty() && !parts[0].equals(parts[1])) {
            throw new SaslAuthenticationException(FAILED + "nobody can act for another user");
        }
        if (parts[2].isEmpty() || !accept(parts[1], parts[2])) {
            throw new SaslAuthenticationException(FAILED + "Invalid username or password");
        }
        user = parts[1];
        return NOTHING_MORE;
    }

    private static String[] split(byte[] message) throws SaslException {
        if (message.length > LONGEST_MESSAGE) {
            throw new SaslException("the message has more than " + LONGEST_MESSAGE + " bytes");
        }
        String[] parts = decode(message).split("\0", -1);
        if (parts.length != 3) {
            throw new SaslException("the message has " + parts.length + " parts instead of 3");
        }
        return parts;
    }

    private static String decode(byte[] message) throws SaslException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(message)).toString();
        } catch (CharacterCodingException e) {
            throw new SaslException("the message is not UTF-8");
        }
    }

    private boolean accept(String name, String password) {
        try {
            return users.accept(name, password.toCharArray());
        } catch (IOException e) {
            LOG.error("nobody can log in by PLAIN: its users cannot be read: {}", e.toString());
            throw new SaslAuthenticationException(FAILED + "the broker cannot read its users");
        }
    }

    @Override
    public boolean isComplete() {
        return user != null;
    }

    @Override
    public String getAuthorizationID() {
        requireComplete();
        return user;
    }

    @Override
    public String getMechanismName() {
        return MECHANISM;
    }

    @Override
    public Object getNegotiatedProperty(String name) {
        requireComplete();
        return null;
    }

    @Override
    public byte[] wrap(byte[] outgoing, int offset, int length) {
        throw new IllegalStateException("PLAIN has no security layer: TLS protects it");
    }

    @Override
    public byte[] unwrap(byte[] incoming, int offset, int length) {
        throw new IllegalStateException("PLAIN has no security layer: TLS protects it");
    }

    @Override
    public void dispose() {}

    private void requireComplete() {
        if (!isComplete()) {
            throw new IllegalStateException("nobody has logged in");
        }
    }
}
