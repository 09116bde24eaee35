namespace Locking;

/// <summary>The calls of one engine that are under way.</summary>
/// <remarks>A list through the contenders themselves: coming and going costs no memory, and everybody is only wanted for a disposal or a loss.</remarks>
internal sealed class Contenders
{
    private readonly Lock _gate = new();
    private Contender? _last;

    public void Add(Contender contender)
    {
        lock (_gate)
        {
            contender.Before = _last;
            if (_last is not null)
                _last.After = contender;
            _last = contender;
        }
    }

    public void Remove(Contender contender)
    {
        lock (_gate)
        {
            if (contender.Before is not null)
                contender.Before.After = contender.After;
            if (contender.After is not null)
                contender.After.Before = contender.Before;
            else
                _last = contender.Before;
            contender.Before = contender.After = null;
        }
    }

    /// <summary>Those that are here now.</summary>
    public List<Contender> ToList()
    {
        var all = new List<Contender>();
        lock (_gate)
        {
            for (var contender = _last; contender is not null; contender = contender.Before)
                all.Add(contender);
        }

        return all;
    }
}
