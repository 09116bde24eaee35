namespace Locking;

/// <summary>Who is told what each of several nodes answers.</summary>
internal interface INodeAnswers<T>
{
    /// <summary>A node has answered.</summary>
    /// <param name="place">Its place among those that are asked.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="isShared">Whether other answers are delivered behind it on the same thread, so that nobody may go on here.</param>
    void Answer(int place, T answer, bool isShared);

    /// <summary>A node has failed to.</summary>
    /// <param name="place">Its place among those that are asked.</param>
    /// <param name="fault">Why.</param>
    /// <param name="isShared">See <see cref="Answer"/>.</param>
    void Fail(int place, Exception fault, bool isShared);
}
