namespace Locking;

/// <summary>What one node has to do with a holder's lease.</summary>
internal enum NodeStanding
{
    /// <summary>It has not been asked, or has said no.</summary>
    None,

    /// <summary>It was asked, and has not answered.</summary>
    UnderWay,

    /// <summary>It said yes after the votes had been counted.</summary>
    Late,

    /// <summary>Its yes was counted, or confirmed together with a majority that was.</summary>
    Counted,

    /// <summary>It had the lease and has it no more.</summary>
    Gone,
}
