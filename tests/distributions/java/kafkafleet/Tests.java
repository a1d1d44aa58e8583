package kafkafleet;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;

/**
 * Runs the test classes that are named as arguments and prints one line per test: {@code ok NAME}
 * or {@code failed NAME: reason}. Every public method is a test, on an object of its own.
 */
public final class Tests {
    private Tests() {}

    public static void main(String[] classes) throws Exception {
        for (String name : classes) {
            Class<?> tested = Class.forName("kafkafleet." + name);
            for (Method method : tested.getDeclaredMethods()) {
                if (Modifier.isPublic(method.getModifiers())) {
                    System.out.println(run(tested, method));
                }
            }
        }
    }

    private static String run(Class<?> tested, Method method) throws Exception {
        String name = tested.getSimpleName() + "." + method.getName();
        try {
            method.invoke(tested.getDeclaredConstructor().newInstance());
            return "ok " + name;
        } catch (InvocationTargetException e) {
            Throwable cause = e.getCause();
            return "failed " + name + ": " + String.valueOf(cause).replace('\n', ' ')
                    + " at " + Arrays.toString(cause.getStackTrace());
        }
    }

    /** What a test does with the hope that it fails. */
    interface Attempt {
        void run() throws Exception;
    }

    /** Holds that the attempt throws the given class with exactly this message. */
    static void refused(Class<? extends Exception> expected, String message, Attempt attempt) {
        try {
            attempt.run();
        } catch (Exception e) {
            equal(expected, e.getClass());
            equal(message, e.getMessage());
            return;
        }
        throw new AssertionError("not refused, though expected: " + message);
    }

    static void equal(Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    /** What the Python side made for these tests. */
    static Path data(String name) {
        return Paths.get(System.getProperty("data"), name);
    }

    static Path emptyDirectory() throws Exception {
        return Files.createTempDirectory(data("."), "work");
    }

    /** Writes as the product does: a finished file is renamed to its place. */
    static void replace(Path file, String... lines) throws Exception {
        Path finished = file.resolveSibling(file.getFileName() + ".new");
        Files.write(finished, Arrays.asList(lines));
        Files.move(finished, file, StandardCopyOption.ATOMIC_MOVE);
    }
}
