namespace Locking.Torture.Tests;

public class HistoryTests
{
    [Fact]
    public void A_history_is_the_same_after_it_was_written_and_read_again()
    {
        string folder = Directory.CreateTempSubdirectory("lock-torture-").FullName;
        Story story = new Story().Turn(0, 1, 10, "a.1", 5).Turn(0, 9, 20, "b.1", 6)
            .Add(30, "a", EventKind.Broken, text: "two\nlines\tand a tab");
        using (var log = new FileLog(Path.Combine(folder, "one.history")))
        {
            foreach (HistoryEvent one in story.History.Events)
                log.Add(one);
        }

        // Half a line, as one leaves that is killed.
        File.AppendAllText(Path.Combine(folder, "one.history"), "123\tb\tGran");
        var read = History.Load(folder);
        Assert.Equal(story.History.Events.Count, read.Events.Count);
        Assert.Equal(story.History.Promise, read.Promise);
        Assert.Equal(story.Broken, Specification.Check(read).Select(static one => one.Rule));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_violation_is_shown_as_a_timeline_and_a_picture()
    {
        History history = new Story().Turn(0, 1, 10, "a.1", 5).Turn(0, 9, 20, "b.1", 6).Turn(0, 30, 40, "c<.1", 7).History;
        Violation violation = Specification.Check(history)[0];
        string text = Timeline.Of(history, violation, TimeSpan.FromMilliseconds(50));
        Assert.Contains("Exclusion: b.1 of b at k was granted 1.0 ms before a.1 of a at k ended", text, StringComparison.Ordinal);
        Assert.Contains("seed 7", text, StringComparison.Ordinal);
        Assert.Contains(">     -8.000 a", text, StringComparison.Ordinal);
        var picture = System.Xml.Linq.XDocument.Parse(Picture.Of(history, violation, TimeSpan.FromMilliseconds(50)));
        Assert.Contains(picture.Descendants(), static one => one.Name.LocalName == "title" && one.Value == "a.1 of a at k holds with 5");
        Assert.Contains(picture.Descendants(), static one => one.Name.LocalName == "title" && one.Value == "b.1 of b at k waits");
    }
}
