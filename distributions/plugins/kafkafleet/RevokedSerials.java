package kafkafleet;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The list of revoked client certificates.
 *
 * <p>One serial number per line in hexadecimal, upper or lower case, as {@code openssl x509
 * -serial} prints it; empty lines and lines that start with {@code #} say nothing. A line of any
 * other form makes the whole list unreadable, for it may have been meant for a certificate that no
 * other line names. An empty file revokes nothing.
 */
final class RevokedSerials {
    /** 20 octets: the longest serial number that RFC 5280, section 4.1.2.2, allows. */
    private static final Pattern SERIAL = Pattern.compile("[0-9A-Fa-f]{1,40}");

    private final WatchedFile<Set<BigInteger>> file;

    RevokedSerials(Path path) {
        file = new WatchedFile<>(path, RevokedSerials::parse);
    }

    boolean contains(BigInteger serial) throws IOException {
        return file.content().contains(serial);
    }

    private static Set<BigInteger> parse(List<String> lines) throws IOException {
        Set<BigInteger> serials = new HashSet<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).trim();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            if (!SERIAL.matcher(line).matches()) {
                throw new IOException(
                        "line " + (i + 1) + " is no serial number of 1-40 hexadecimal digits");
            }
            serials.add(new BigInteger(line, 16));
        }
        return serials;
    }
}
