
namespace Locking;

/// <summary>What is asked in our own messages about a broker, or a key as a whole: who holds it, what is held, how the broker is.</summary>
internal sealed class OwnQuestions(BrokerLocks locks, Func<string> weaknesses)
{
    /// <summary>A list is told in parts, so that others have their turn in between and the reader can keep up.</summary>
    private const int PartOfList = 256;

    /// <summary>Answers a question.</summary>
    /// <returns>False when the message is none.</returns>
    public bool TryHandle(ClientSession session, long number, in WireMessage message)
    {
        if (message.Type.TextEquals("lk-ping"u8))
            session.Send(OwnLines.Result(number, "done"u8));
        else if (message.Type.TextEquals("lk-list"u8))
            List(session, number, message.Prefix.GetText() ?? "");
        else if (message.Type.TextEquals("lk-status"u8))
            session.Send(OwnLines.Status(number, locks.Pause.Left, weaknesses()));
        else
            return TryHandleKey(session, number, in message);
        return true;
    }

    /// <summary>Published clients can take the empty key, so that it must be possible to see and to break it.</summary>
    private bool TryHandleKey(ClientSession session, long number, in WireMessage message)
    {
        bool isGet = message.Type.TextEquals("lk-get"u8);
        if ((!isGet && !message.Type.TextEquals("lk-force"u8)) || message.Key.GetText() is not { } key)
            return false;
        if (isGet)
            Get(session, number, key);
        else
            Force(session, number, key);
        return true;
    }

    private void Get(ClientSession session, long number, string key)
    {
        if (locks.Table.Get(key) is { } info)
            session.Send(OwnLines.Info("lk-info"u8, number, info));
        else if (locks.Pause.IsOn)
            session.Send(OwnLines.Remaining("unknown"u8, number, locks.Pause.Left));
        else
            session.Send(OwnLines.Result(number, "none"u8));
    }

    private void Force(ClientSession session, long number, string key)
    {
        int count = locks.Table.Force(key, out ClaimNotices notices);
        if (count == 0 && locks.Pause.IsOn)
            session.Send(OwnLines.Remaining("unknown"u8, number, locks.Pause.Left));
        else
            session.Send(OwnLines.Result(number, count > 0 ? "done"u8 : "none"u8));
        notices.Deliver();
    }

    /// <summary>One line for each lease, then a last one.</summary>
    private void List(ClientSession session, long number, string prefix)
    {
        IEnumerator<LockInfo> infos = locks.Table.List(prefix).GetEnumerator();
        session.SendInParts(() =>
        {
            for (int left = PartOfList; left > 0; left--)
            {
                if (!infos.MoveNext())
                {
                    infos.Dispose();
                    session.Send(OwnLines.Result(number, "done"u8));
                    return false;
                }

                session.Send(OwnLines.Info("lk-item"u8, number, infos.Current));
            }

            return true;
        });
    }
}
