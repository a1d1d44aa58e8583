package kafkafleet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.List;

/**
 * The parsed lines of a small UTF-8 file, read again whenever another file lies at its path.
 *
 * <p>Another file is one with another inode, size or modification time. Whoever writes it should
 * rename a finished file to the path: then no reader sees half of it, and the inode always differs.
 * Safe for any number of threads.
 */
final class WatchedFile<T> {
    interface Parser<T> {
        T parse(List<String> lines) throws IOException;
    }

    private static final class Reading<T> {
        final List<Object> mark;
        final T content;

        Reading(List<Object> mark, T content) {
            this.mark = mark;
            this.content = content;
        }
    }

    private final Path path;
    private final Parser<T> parser;
    private volatile Reading<T> last;

    WatchedFile(Path path, Parser<T> parser) {
        this.path = path;
        this.parser = parser;
    }

    /** Returns what the file says now; throws when it is missing, unreadable or malformed. */
    T content() throws IOException {
        // The mark is taken before the lines: a change in between is seen at the next call.
        List<Object> mark = mark();
        Reading<T> reading = last;
        if (reading == null || !reading.mark.equals(mark)) {
            reading = new Reading<>(mark, parser.parse(Files.readAllLines(path)));
            last = reading;
        }
        return reading.content;
    }

    private List<Object> mark() throws IOException {
        BasicFileAttributes file = Files.readAttributes(path, BasicFileAttributes.class);
        return Arrays.asList(file.fileKey(), file.size(), file.lastModifiedTime());
    }
}
