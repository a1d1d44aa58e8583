package kafkafleet;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/**
 * A user and the salted hash of the password: one line {@code name:iterations:salt:hash}.
 *
 * <p>{@code hash} is PBKDF2 (RFC 8018) with HMAC-SHA-512 over the password in UTF-8, 64 bytes long;
 * {@code iterations} is decimal, 4096 to 1000000; {@code salt} has 16 bytes or more; salt and hash
 * stand in base64 (RFC 4648, section 4, padded). In Python:
 *
 * <pre>
 * hash = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
 * f"{name}:{iterations}:{b64encode(salt).decode()}:{b64encode(hash).decode()}"
 * </pre>
 */
final class PlainUser {
    private static final Pattern LINE =
            Pattern.compile("([^:]+):([1-9][0-9]{3,6}):([A-Za-z0-9+/]+=*):([A-Za-z0-9+/]+=*)");

    private static final int FEWEST_ITERATIONS = 4096;
    private static final int MOST_ITERATIONS = 1_000_000;
    private static final int SHORTEST_SALT = 16;
    private static final int HASH_BYTES = 64;

    final String name;
    final int iterations;
    private final byte[] salt;
    private final byte[] hash;

    private PlainUser(String name, int iterations, byte[] salt, byte[] hash) {
        this.name = name;
        this.iterations = iterations;
        this.salt = salt;
        this.hash = hash;
    }

    /** Returns the user of a line; throws IllegalArgumentException for a line of another form. */
    static PlainUser parse(String line) {
        Matcher match = LINE.matcher(line);
        if (!match.matches()) {
            throw new IllegalArgumentException("it is not name:iterations:salt:hash");
        }
        PlainUser user = new PlainUser(
                match.group(1),
                Integer.parseInt(match.group(2)),
                Base64.getDecoder().decode(match.group(3)),
                Base64.getDecoder().decode(match.group(4)));
        user.check();
        return user;
    }

    /**
     * Returns somebody whom no password opens, since no hash is empty; trying one takes as long as
     * with a user of these iterations.
     */
    static PlainUser nobody(int iterations) {
        return new PlainUser("", iterations, new byte[SHORTEST_SALT], new byte[0]);
    }

    private void check() {
        require(PrincipalNames.mayBeClient(name), "the name is no user's: " + PrincipalNames.RULE);
        require(
                iterations >= FEWEST_ITERATIONS && iterations <= MOST_ITERATIONS,
                "iterations must be " + FEWEST_ITERATIONS + " to " + MOST_ITERATIONS);
        require(salt.length >= SHORTEST_SALT, "the salt needs " + SHORTEST_SALT + " bytes or more");
        require(hash.length == HASH_BYTES, "the hash must have " + HASH_BYTES + " bytes");
    }

    private static void require(boolean holds, String rule) {
        if (!holds) {
            throw new IllegalArgumentException(rule);
        }
    }

    /** Whether this is the password; takes the same time whatever the answer is. */
    boolean opensWith(char[] password) {
        PBEKeySpec key = new PBEKeySpec(password, salt, iterations, HASH_BYTES * Byte.SIZE);
        try {
            SecretKeyFactory pbkdf2 = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA512");
            byte[] tried = pbkdf2.generateSecret(key).getEncoded();
            return MessageDigest.isEqual(hash, tried);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no PBKDF2WithHmacSHA512", e);
        } finally {
            key.clearPassword();
        }
    }
}
