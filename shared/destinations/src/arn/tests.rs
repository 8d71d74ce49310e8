use super::*;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:payments";
const BUS: &str = "arn:aws:events:eu-west-1:123456789012:event-bus/payments";

#[test]
fn a_queue_is_known_to_sqs_by_a_url_of_its_region_account_and_name() {
    let url = |arn: &str, region: &str| QueueArn::parse(arn, region).map(|queue| queue.url());
    let expected = "https://sqs.eu-west-1.amazonaws.com/123456789012/payments";
    assert_eq!(url(QUEUE, "eu-west-1").as_deref(), Ok(expected));
    for (arn, region, expected) in [
        ("arn:aws-cn:sqs:cn-north-1:1:x", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn/1/x"),
        (
            "arn:aws-us-gov:sqs:us-gov-west-1:1:x",
            "us-gov-west-1",
            "https://sqs.us-gov-west-1.amazonaws.com/1/x",
        ),
        (
            "arn:aws-eusc:sqs:eusc-de-east-1:1:x",
            "eusc-de-east-1",
            "https://sqs.eusc-de-east-1.amazonaws.eu/1/x",
        ),
    ] {
        let account = "000000000001";
        let (arn, expected) =
            (arn.replace(":1:", &format!(":{account}:")), expected.replace("/1/", &format!("/{account}/")));
        assert_eq!(url(&arn, region), Ok(expected));
    }
}

#[test]
fn a_fifo_queue_is_told_by_its_name() {
    let is_fifo = |arn: &str| QueueArn::parse(arn, "eu-west-1").map(|queue| queue.is_fifo());
    assert_eq!(is_fifo(QUEUE), Ok(false));
    assert_eq!(is_fifo(&format!("{QUEUE}.fifo")), Ok(true));
}

#[test]
fn a_bus_has_a_name_and_an_account() {
    let bus = BusArn::parse(BUS, "eu-west-1").expect("a bus");
    assert_eq!((bus.as_str(), bus.account(), bus.name()), (BUS, "123456789012", "payments"));
    let partner = format!("{BUS}/of/a.partner");
    assert_eq!(
        BusArn::parse(&partner, "eu-west-1").map(|bus| bus.name().to_owned()),
        Ok("payments/of/a.partner".to_owned())
    );
}

#[test]
fn another_region_or_its_partition_is_refused_as_such() {
    let region = Err(ArnError::Region("us-east-1".to_owned()));
    assert_eq!(QueueArn::parse(QUEUE, "us-east-1").map(drop), region);
    assert_eq!(BusArn::parse(BUS, "us-east-1").map(drop), region);
    let of_china = "arn:aws-cn:sqs:us-east-1:123456789012:payments";
    assert_eq!(QueueArn::parse(of_china, "us-east-1").map(drop), region);
}

#[test]
fn what_is_no_arn_of_the_kind_is_refused() {
    for text in [
        "",
        "payments",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/payments",
        BUS,
        "arn:aws:sqs:eu-west-1:123456789012:",
        "arn:aws:sqs:eu-west-1:123456789012:.fifo",
        "arn:aws:sqs:eu-west-1:123456789012:a/b",
        "arn:aws:sqs:eu-west-1:123456789012:a:b",
        "arn:aws:sqs:eu-west-1:123456789012:a.fifo.fifo",
        "arn:aws:sqs:eu-west-1:12345678901:payments",
        "arn:aws:sqs:eu-west-1:12345678901x:payments",
        "arn:aws:sqs:eu-west-1::payments",
        "arn:evil:sqs:eu-west-1:123456789012:payments",
        "ARN:aws:sqs:eu-west-1:123456789012:payments",
        " arn:aws:sqs:eu-west-1:123456789012:payments",
        "arn:aws:sqs:eu-west-1:123456789012:payments\n",
    ] {
        assert_eq!(QueueArn::parse(text, "eu-west-1").map(drop), Err(ArnError::NotAQueue), "{text:?}");
    }
    let long = format!("arn:aws:sqs:eu-west-1:123456789012:{}", "x".repeat(81));
    assert_eq!(QueueArn::parse(&long, "eu-west-1").map(drop), Err(ArnError::NotAQueue));
    for text in [
        QUEUE,
        "default",
        "arn:aws:events:eu-west-1:123456789012:rule/x",
        "arn:aws:events:eu-west-1:123456789012:event-bus/",
        "arn:aws:events:eu-west-1:123456789012:event-bus/a b",
    ] {
        assert_eq!(BusArn::parse(text, "eu-west-1").map(drop), Err(ArnError::NotABus), "{text:?}");
    }
}
