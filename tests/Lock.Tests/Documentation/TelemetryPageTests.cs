using System.Diagnostics.Metrics;

namespace Locking.Tests.Documentation;

/// <summary>docs/telemetry.md and the meter know the same instruments.</summary>
public sealed class TelemetryPageTests
{
    [Fact]
    public async Task Every_instrument_is_documented_with_its_kind_and_unit()
    {
        var published = new Dictionary<string, Instrument>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == "Locking")
                    published[instrument.Name] = instrument;
            },
        };
        listener.Start();
        await using (ILock locks = Lock.Create(new LockConfig { Type = "inMemory" }))
            await (await locks.LockAsync("k")).DisposeAsync();

        IReadOnlyList<string[]> rows = Page.Rows(Page.Section(Page.Read("docs", "telemetry.md"), "Metrics"));
        Assert.Equal(published.Keys.Order(StringComparer.Ordinal),
            rows.Select(static row => Page.Names(row[0]).Single()).Order(StringComparer.Ordinal));
        foreach (string[] row in rows)
        {
            Instrument instrument = published[Page.Names(row[0]).Single()];
            Assert.Equal(instrument.Unit, Page.Names(row[2]).Single());
            Assert.Equal(KindOf(instrument), row[1]);
            Assert.StartsWith(row[4], instrument.Description!, StringComparison.OrdinalIgnoreCase);
        }
    }

    private static string KindOf(Instrument instrument) => instrument switch
    {
        Histogram<double> => "histogram",
        UpDownCounter<long> => "up-down counter",
        Counter<long> => "counter",
        _ => instrument.GetType().Name,
    };
}
