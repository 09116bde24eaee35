namespace Locking;

public sealed class MongoUriTests
{
    [Fact]
    public void All_parts_are_read()
    {
        MongoClientSettings s = MongoUri.Parse("mongodb://us%40er:p%3Ass%2Fw@a:1,B,[::1]:3,%2Ftmp%2Fmongodb-27017.sock/mydb?replicaSet=rs0&w=2&maxPoolSize=7&connectTimeoutMS=1500&socketTimeoutMS=0&appName=my%20app&retryWrites=true");
        Assert.Equal("us@er", s.Username);
        Assert.Equal("p:ss/w", s.Password);
        Assert.Equal([new("a", 1), new("b", 27017), new("::1", 3), MongoEndpoint.UnixSocket("/tmp/mongodb-27017.sock")], s.Hosts);
        Assert.Equal("mydb", s.Database);
        Assert.Equal("mydb", s.AuthSource);
        Assert.Equal("rs0", s.ReplicaSet);
        Assert.Equal("2", s.WriteConcern);
        Assert.Equal(7, s.MaxPoolSize);
        Assert.Equal(TimeSpan.FromMilliseconds(1500), s.ConnectTimeout);
        Assert.Equal(Timeout.InfiniteTimeSpan, s.CommandTimeout);
        Assert.Equal("my app", s.AppName);
        Assert.Null(s.Tls);
    }

    [Fact]
    public void What_the_uri_does_not_say_is_left_alone()
    {
        var defaults = new MongoClientSettings { Username = "me", Password = "secret", CommandTimeout = TimeSpan.FromSeconds(9) };
        MongoClientSettings s = MongoUri.Parse("mongodb://h", defaults);
        Assert.Equal("me", s.Username);
        Assert.Equal("secret", s.Password);
        Assert.Equal("admin", s.AuthSource);
        Assert.Equal(TimeSpan.FromSeconds(9), s.CommandTimeout);
        Assert.Equal([new MongoEndpoint("h", 27017)], s.Hosts);
    }

    [Theory]
    [InlineData("mongodb://h/?tls=true", false, false)]
    [InlineData("mongodb://h/?ssl=true&tlsAllowInvalidHostnames=true", false, true)]
    [InlineData("mongodb://h/?tlsInsecure=true", true, true)]
    public void Tls_options(string uri, bool anyCertificate, bool anyHost)
    {
        MongoTls? tls = MongoUri.Parse(uri).Tls;
        Assert.NotNull(tls);
        Assert.Equal(anyCertificate, tls.AllowInvalidCertificates);
        Assert.Equal(anyHost, tls.AllowInvalidHostnames);
    }

    [Theory]
    [InlineData("http://h", "mongodb://")]
    [InlineData("mongodb+srv://h/", "mongodb+srv", "List the hosts")]
    [InlineData("mongodb://", "The host ''")]
    [InlineData("mongodb://h:0", "h:0", "1 to 65535")]
    [InlineData("mongodb://h:99999", "h:99999", "1 to 65535")]
    [InlineData("mongodb://a,,b", "The host ''")]
    [InlineData("mongodb://::1", "::1", "[ipv6]")]
    [InlineData("mongodb://h/a.b", "'a.b'", "database")]
    [InlineData("mongodb://h/?maxPoolSize=many", "maxPoolSize", "'many'", "1 to 10000")]
    [InlineData("mongodb://h/?maxPoolSize=0", "maxPoolSize", "'0'", "1 to 10000")]
    [InlineData("mongodb://h/?tls=yes", "tls", "'yes'", "true or false")]
    [InlineData("mongodb://h/?tls=true&ssl=false", "ssl", "'false'", "the same as tls")]
    [InlineData("mongodb://h/?tls=false&tlsInsecure=true", "tlsInsecure", "tls=false")]
    [InlineData("mongodb://h/?authMechanism=MONGODB-X509", "authMechanism", "MONGODB-X509", "SCRAM-SHA-256")]
    [InlineData("mongodb://h/?readPreference=secondary", "readPreference", "secondary", "primary")]
    [InlineData("mongodb://h/?w=most", "w", "'most'", "majority")]
    [InlineData("mongodb://h/?loadBalanced=true", "loadBalanced", "Lock.Mongo.Driver")]
    [InlineData("mongodb://h/?replicaset=", "replicaset", "no value")]
    [InlineData("mongodb://h/?w=1&w=2", "'w'", "twice")]
    [InlineData("mongodb://h/?repliacSet=x", "repliacSet", "did you mean 'replicaSet'")]
    [InlineData("mongodb://h/?colour=red", "colour", "Allowed: appName")]
    [InlineData("mongodb://a,b/?directConnection=true", "directConnection", "one host", "2 are given")]
    [InlineData("mongodb://h/?tlsCAFile=/does/not/exist.pem", "tlsCAFile", "/does/not/exist.pem", "PEM")]
    public void Errors_name_the_part_the_value_and_what_is_allowed(string uri, params string[] parts)
    {
        string message = Assert.Throws<FormatException>(() => MongoUri.Parse(uri)).Message;
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("mongodb://user:s3cret:x@h")]
    [InlineData("mongodb://user:s3cret%zz@h")]
    [InlineData("mongodb://user:s3cret@x@h")]
    [InlineData("mongodb://user:s3cret@h:0")]
    [InlineData("mongodb://user:s3cret@h/?x=1")]
    [InlineData("mongodb://h/?tlsCertificateKeyFile=/nope.pem&tlsCertificateKeyFilePassword=s3cret")]
    public void No_error_shows_a_password(string uri)
    {
        string message = Assert.Throws<FormatException>(() => MongoUri.Parse(uri)).ToString();
        Assert.DoesNotContain("s3cret", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_print_without_the_password() =>
        Assert.Equal("mongodb://u:***@h:1", MongoUri.Parse("mongodb://u:s3cret@h:1").ToString());
}
